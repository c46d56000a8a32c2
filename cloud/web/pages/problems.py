"""What went wrong and why, in words."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cloud.accounts.model import Member
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.site import Site, View
from cloud.web.pages.troubles import troubles


def build_router(site: Site) -> APIRouter:
    """Return the route of problems."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/problems")
    def show(request: Request, member: Annotated[Member, Depends(site.member)]) -> Response:
        """Show the household's problems; messages of unknown devices belong to no household and are not here."""
        with site.ports.database.read() as unit_of_work:
            found = troubles(unit_of_work, site.queue, member.household_id)
        return site.answer(request, View("problems.html", "Problems", {"troubles": found}, live=True), member)

    return router
