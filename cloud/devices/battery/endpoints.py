"""HTTP of batteries."""

from typing import Annotated

from fastapi import APIRouter, Depends

from cloud.accounts.identity import Identity
from cloud.accounts.model import READ, Member
from cloud.api.answers import NumberPath, TaggedRoute, refusals
from cloud.devices import registration
from cloud.devices.battery.schemas import HealthAnswer, health_answer
from cloud.devices.battery.service import battery_of
from cloud.ports.database import Database


def build_router(database: Database, identity: Identity) -> APIRouter:
    """Return the route of a board's health."""
    router = APIRouter(route_class=TaggedRoute)

    @router.get("/devices/{device_id}/health", responses=refusals(404))
    def show_health(device_id: NumberPath, caller: Annotated[Member, Depends(identity.require(READ))]) -> HealthAnswer:
        """Show a board's battery history: the last 90 days, what a wake draws, and when it will be empty."""
        with database.read() as unit_of_work:
            one = registration.find(unit_of_work, caller.household_id, device_id)
            battery = battery_of(unit_of_work, one.device)
        return health_answer(battery.outlook, battery.typical, battery.daily_mc, battery.readings)

    return router
