"""Pages that ask for something: a form, what it says when it is refused, and the check that it is our own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from fastapi import Request, Response

from cloud.errors import RateLimitedError, RefusedError, SignatureError, UnauthorizedError
from cloud.web.errors import status_of
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


def problem_of(error: RefusedError) -> str:
    """Return what a person reads of a refusal."""
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
