"""What went wrong and why, in words, and trying it again."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from cloud.accounts.model import OWNER, Member
from cloud.bootstrap import Application
from cloud.errors import NotFoundError
from cloud.operations.replay import replay
from cloud.ports.device_hub import Downlink
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.login import require_own
from cloud.web.pages.problem_list import problems
from cloud.web.pages.site import PageError, Site, View, not_found


def build_router(site: Site, app: Application, publish: Callable[[Downlink], None]) -> APIRouter:
    """Return the routes of problems; ``publish`` answers the devices whose messages are taken after all."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    CurrentMember = Annotated[Member, Depends(site.member)]  # noqa: N806 - a type

    @router.get("/problems")
    def show(request: Request, member: CurrentMember) -> Response:
        """Show the household's problems; messages of unknown devices belong to no household and are not here."""
        with site.ports.database.read() as unit_of_work:
            found = problems(unit_of_work, site.dlq, member.household_id)
        values = {"problems": found, "may_retry": member.role == OWNER}
        return site.answer(request, View("problems.html", "Problems", values, live=True), member)

    @router.post("/problems/{entry_id}/retry")
    def try_again(entry_id: str, request: Request, member: CurrentMember) -> Response:
        """Try again what could not be done; what fails once more is shown with its new reason."""
        require_own(request)
        if member.role != OWNER:
            raise PageError(403, "Only an owner may do this", "Ask an owner of your household to try it again.")
        try:
            replayed = replay(app, entry_id, member.household_id)
        except NotFoundError:
            raise not_found("problem") from None
        for downlink in replayed.downlinks:
            publish(downlink)
        return RedirectResponse("/problems", 303)

    return router
