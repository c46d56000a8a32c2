"""HTTP of batteries."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cloud.accounts.identity import Identity
from cloud.accounts.model import READ, Member
from cloud.api.answers import NumberPath, TaggedRoute, refusals
from cloud.api.paging import Page, asked_page, tell_next
from cloud.devices import registration
from cloud.devices.battery.schemas import HealthAnswer, health_answer
from cloud.devices.battery.service import battery_of, history_of
from cloud.ports.database import Database


def build_router(database: Database, identity: Identity) -> APIRouter:
    """Return the route of a board's health."""
    router = APIRouter(route_class=TaggedRoute)

    @router.get("/devices/{device_id}/health", responses=refusals(404))
    def show_health(
        device_id: NumberPath,
        caller: Annotated[Member, Depends(identity.require(READ))],
        page: Annotated[Page, Depends(asked_page)],
        request: Request,
        response: Response,
    ) -> HealthAnswer:
        """Show a board's battery history: the last 90 days, what a wake draws, and when it will be empty.

        The first page is the end of the history, the next one what was before it; each is told oldest first.
        It is what boards say over MQTT. What is reported by POST to this path is not in it: the newest of each value is
        in `/devices/{device_id}/summary`.
        """
        with database.read() as unit_of_work:
            one = registration.find(unit_of_work, caller.household_id, device_id)
            battery, found = battery_of(unit_of_work, one.device), history_of(unit_of_work, one.device, page)
        tell_next(request, response, page, len(found), (found[-1][1].at, found[-1][0]) if found else None)
        readings = [reading for _, reading in reversed(found)]
        return health_answer(battery.outlook, battery.typical, battery.daily_mc, readings)

    return router
