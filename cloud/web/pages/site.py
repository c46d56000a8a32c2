"""What all pages share: who asks, how a template becomes an answer, and the answer when something is not there."""

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from importlib.resources import files

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cloud.accounts import rechecking
from cloud.accounts.callers import Credential, claim_of
from cloud.accounts.model import AdmittedBy, Member, token_hash
from cloud.accounts.service import member_of_session
from cloud.bootstrap import Application
from cloud.errors import PillarboxError, RetryLaterError
from cloud.notifications import wording
from cloud.notifications.findings import asks, quote, summary
from cloud.ports.dlq import Dlq
from cloud.ports.ports import Ports
from cloud.web.pages.headers import is_unchanged
from cloud.web.pages.problem_list import MOST_PROBLEMS, problems

SESSION_COOKIE = "pillarbox_session"
PAGE_LENGTH = 20
UNAVAILABLE = 503


class PageError(PillarboxError):
    """A request that gets a page with ``status`` that says why, and what to do."""

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(message)
        self.status, self.title, self.message = status, title, message


@dataclass(frozen=True, slots=True)
class View:
    """One page to show: its template, its title, the values of its template, and whether it refreshes itself."""

    template: str
    title: str
    values: dict[str, object]
    live: bool = False
    status: int = 200


@dataclass(frozen=True, slots=True)
class Site:
    """The parts of the application that pages use."""

    ports: Ports
    dlq: Dlq
    templates: Environment

    def member(self, request: Request) -> Member:
        """Return who is logged in, and is checked again where the request writes; raises PageError 401."""
        found = self.visitor(request)
        if found is None:
            raise please_log_in()
        session = Credential(AdmittedBy.SESSION, token_hash(request.cookies[SESSION_COOKIE]))
        rechecking.let_in(claim_of(session, found), please_log_in)
        return found

    def visitor(self, request: Request) -> Member | None:
        """Return who is logged in, None for a stranger."""
        token = request.cookies.get(SESSION_COOKIE)
        if not token:
            return None
        with self.ports.database.read() as unit_of_work:
            return member_of_session(unit_of_work, token)

    def answer(self, request: Request, view: View, member: Member | None = None) -> Response:
        """Return the page, or only its changing part when the page's own script asks for that."""
        path = request.url.path
        shared = {"member": member, "path": path, "problem_count": self._problem_count(member)}
        content = self._render(view.template, view.values | shared | {"title": view.title})
        etag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
        if "x-fragment" in request.headers and view.live:
            return _fragment(content, etag, unchanged=is_unchanged(request, etag))
        page = {"content": Markup(content), "title": view.title, "etag": etag, "live": view.live}  # noqa: S704 - rendered just above
        return HTMLResponse(self._render("page.html", page), view.status)

    def error_page(self, request: Request, error: PageError) -> Response:
        """Return the page of an error; while the database does not answer, as a stranger sees it."""
        view = View("error.html", error.title, {"message": error.message, "status": error.status}, status=error.status)
        try:
            return self.answer(request, view, None if error.status == UNAVAILABLE else self.visitor(request))
        except RetryLaterError:
            return self.answer(request, view)

    def _problem_count(self, member: Member | None) -> str:
        if member is None:
            return ""
        with self.ports.database.read() as unit_of_work:
            count = len(problems(unit_of_work, self.dlq, member.household_id))
        return f"{count}+" if count >= MOST_PROBLEMS else str(count or "")

    def _render(self, name: str, values: dict[str, object]) -> str:
        return self.templates.get_template(name).render(values)


def please_log_in() -> PageError:
    """Return the error for who is not logged in, or not any more."""
    text = "Your letters are private, so this page opens only after you have logged in."
    return PageError(401, "Please log in", text)


def build_site(app: Application) -> Site:
    """Return the site over an application."""
    return Site(app.ports, app.dlq, _templates(app.ports.time_zone))


def not_found(what: str) -> PageError:
    """Return the error for something that this household does not have, whether or not another one has it."""
    return PageError(
        404, "Not found", f"There is no such {what} here. It may have been deleted, or the link is not whole."
    )


def not_now() -> PageError:
    """Return the error for a part of the server that does not answer at the moment."""
    return PageError(
        UNAVAILABLE,
        "Not at the moment",
        "The server cannot look anything up just now; nothing is lost. Please try again in a minute.",
    )


def day_name(day: date, today: date) -> str:
    """Return "Today", "Yesterday" or the day with its weekday; the year only when it is another one."""
    days = (today - day).days
    if days in {0, 1}:
        return ("Today", "Yesterday")[days]
    return f"{day:%A} {day.day} {day:%B}" + ("" if day.year == today.year else f" {day.year}")


def _fragment(content: str, etag: str, *, unchanged: bool) -> Response:
    headers = {"ETag": etag, "Vary": "X-Fragment"}
    return Response(status_code=304, headers=headers) if unchanged else HTMLResponse(content, headers=headers)


def _templates(time_zone: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("cloud.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = _asset
    environment.filters |= {
        "action": wording.action,
        "after": partial(_after, time_zone),
        "asks": asks,
        "category": wording.category,
        "clock": partial(_time, time_zone, "%H:%M"),
        "counted": wording.counted,
        "date": partial(_time, time_zone, "%-d %B %Y"),
        "fact_name": wording.fact_name,
        "fact_value": lambda finding: wording.fact_value(finding.kind, finding.value),
        "language": wording.language,
        "bound": wording.bound,
        "moment": partial(_moment, time_zone),
        "moment_near": partial(_moment_near, time_zone),
        "quote": lambda proof, letter: quote(letter.text, proof),
        "sentence": wording.sentence,
        "summary": summary,
        "percent": lambda share: f"{share * 100:.0f} %",
    }
    return environment


def _time(time_zone: str, form: str, milliseconds: int) -> Markup:
    moment = wording.local(milliseconds, time_zone)
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="seconds"), f"{moment:{form}}")


def _after(time_zone: str, milliseconds: int, before: int) -> Markup:
    """Return the time of something that followed, with its day only when that is another one."""
    same_day = wording.local(milliseconds, time_zone).date() == wording.local(before, time_zone).date()
    return Markup("{} {}").format("at" if same_day else "on", _moment_near(time_zone, milliseconds, before))


def _moment_near(time_zone: str, milliseconds: int, other: int) -> Markup:
    """Return a time beside another one, with its day only when that is another day."""
    same_day = wording.local(milliseconds, time_zone).date() == wording.local(other, time_zone).date()
    return _time(time_zone, "%H:%M", milliseconds) if same_day else _moment(time_zone, milliseconds)


def _moment(time_zone: str, milliseconds: int) -> Markup:
    moment = wording.local(milliseconds, time_zone)
    shown = f"{wording.weekday(moment)}, {moment:%H:%M}"
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="seconds"), shown)


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    """Return the address of a static file with its version, so that a browser never mixes old and new."""
    content = files("cloud.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:10]}"
