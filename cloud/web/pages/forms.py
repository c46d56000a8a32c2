"""Pages that ask for something: a form, what it says when it is refused, and the check that it is our own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from cloud.accounts.passwords import PasswordTurns
from cloud.errors import BusyError, PillarboxError, RateLimitedError, RefusedError, SignatureError, UnauthorizedError
from cloud.web.errors import RETRY_AFTER_S, status_of
from cloud.web.pages.login import require_own
from cloud.web.pages.site import Site, View


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a form, with what browsers and password keepers know it by."""

    name: str
    label: str
    kind: str
    autocomplete: str
    longest: int
    shortest: int = 1


@dataclass(frozen=True, slots=True)
class FormPage:
    """A page that asks for something: its title, what it says, its inputs and its button."""

    title: str
    button: str
    fields: tuple[Field, ...] = ()
    text: str = ""
    links: tuple[tuple[str, str], ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)

    def filled(self, **given: str) -> "FormPage":
        """Return the page with what was entered before, so that only what was wrong is entered anew; no password."""
        return replace(self, given=given)


def act(site: Site, request: Request, page: FormPage, work: Callable[[], Response]) -> Response:
    """Do what a form asks for; a refusal shows the form again with the reason."""
    require_own(request)
    try:
        return work()
    except RefusedError as error:
        response = show_form(site, request, page, problem_of(error), status_of(error))
        if isinstance(error, RateLimitedError):
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response


async def act_in_turn(
    site: Site, request: Request, page: FormPage, turns: PasswordTurns, work: Callable[[], Response]
) -> Response:
    """Do what a form with a password asks for, in its turn; where too many wait it is shown again and says so."""
    try:
        return await turns.take(lambda: act(site, request, page, work))
    except BusyError as error:
        problem, status = problem_of(error), status_of(error)
        return come_again(await run_in_threadpool(show_form, site, request, page, problem, status))


def come_again(response: Response) -> Response:
    """Return what is shown to whom too many were before, with the time to try again."""
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def problem_of(error: PillarboxError) -> str:
    """Return what a person reads of a refusal."""
    if isinstance(error, BusyError):
        return "Many people log in at this moment, so nothing was done. Please try again in a few seconds."
    if isinstance(error, UnauthorizedError):
        return "This e-mail address and this password do not belong together."
    if isinstance(error, RateLimitedError):
        return f"Too many tries. Please wait {-(-error.retry_after_s // 60)} min and try again."
    if isinstance(error, SignatureError):
        return "This link no longer works: it has expired or was used before. Ask for a new one."
    return f"This does not work: {error}."


def show_form(site: Site, request: Request, page: FormPage, problem: str = "", status: int = 200) -> Response:
    """Return the page of a form, with what was wrong with it the last time."""
    values: dict[str, object] = {"form": page, "problem": problem}
    return site.answer(request, View("form.html", page.title, values, status=status), site.visitor(request))
