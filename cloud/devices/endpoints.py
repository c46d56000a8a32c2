"""HTTP of devices: registering, settings, and what they say of themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request

from cloud.accounts.identity import Identity
from cloud.accounts.model import MANAGE, READ, WRITE, Member
from cloud.api import idempotency
from cloud.api.answers import Done, Made, NumberPath, ProgramRoute, TaggedRoute, asks_for, refusals
from cloud.api.idempotency import KeyHeader
from cloud.devices import registration
from cloud.devices.model import Device
from cloud.devices.profile import Health
from cloud.devices.repository import DeviceRegister
from cloud.devices.schemas import (
    DeviceAnswer,
    DeviceBehaviour,
    DeviceChange,
    HealthReport,
    LookedUp,
    NewDevice,
    StatusChange,
    behaviour_answer,
    device_answer,
)
from cloud.errors import NotFoundError
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports

T = TypeVar("T")
Put = Callable[[UnitOfWork, list[Event]], None]
Filter = Annotated[str | None, Query(max_length=200)]
DeviceName = Annotated[str | None, Query(max_length=200, description="the device's exact name or thing")]
UPDATED = Done(status="updated")


@dataclass(frozen=True, slots=True)
class _Changes:
    """Work on one device of the caller's household, committed before the answer."""

    ports: Ports

    async def on(self, caller: Member, number: int, work: Callable[[UnitOfWork, Device], None]) -> Made:
        def found(unit_of_work: UnitOfWork) -> None:
            work(unit_of_work, registration.find(unit_of_work, caller.household_id, number).device)

        await self.ports.writer.write(found)
        return Made(id=number)


def build_router(ports: Ports, put: Put, identity: Identity) -> APIRouter:
    """Return the routes of devices; ``put`` queues what follows from a change, in its transaction."""
    router = APIRouter(tags=["devices"], route_class=TaggedRoute)
    _add_reading(router, ports.database, identity)
    at_the_page = APIRouter(tags=["devices"], route_class=ProgramRoute)
    _add_list(at_the_page, ports.database, identity)
    router.include_router(at_the_page)
    _add_registering(router, ports, identity)
    _add_removing(router, ports, put, identity)
    _add_settings(router, ports, identity)
    _add_reports(router, ports, identity)
    return router


def _add_list(router: APIRouter, database: Database, identity: Identity) -> None:
    @router.get("/devices", responses=refusals(), openapi_extra=asks_for(READ))
    def list_devices(
        caller: Annotated[Member, Depends(identity.require(READ))], clerk_id: Filter = None, name: Filter = None
    ) -> list[DeviceAnswer]:
        """List the household's devices, newest first."""
        with database.read() as unit_of_work:
            found = DeviceRegister(unit_of_work).listed(caller.household_id)
        return [
            device_answer(one) for one in found if clerk_id in (None, one.clerk_id) and name in (None, one.device.name)
        ]


def _add_reading(router: APIRouter, database: Database, identity: Identity) -> None:
    @router.get("/devices/{device_id}", responses=refusals(404), openapi_extra=asks_for(READ))
    def get_device(device_id: NumberPath, caller: Annotated[Member, Depends(identity.require(READ))]) -> DeviceAnswer:
        """Return one device."""
        with database.read() as unit_of_work:
            return device_answer(registration.find(unit_of_work, caller.household_id, device_id))

    @router.get("/device/lookup", responses=refusals(404), openapi_extra=asks_for(READ))
    def look_up(
        caller: Annotated[Member, Depends(identity.require(READ))],
        serial_id: DeviceName = None,
        device_name: DeviceName = None,
    ) -> LookedUp:
        """Find a device of the household by its exact name or by its name at the broker."""
        sought = serial_id or device_name
        with database.read() as unit_of_work:
            listed = DeviceRegister(unit_of_work).listed(caller.household_id)
        found = next((one for one in listed if sought in (one.device.name, one.device.thing)), None)
        if found is None:
            raise NotFoundError("expected serial_id or device_name of a device of this household, found none")
        return LookedUp(device_id=found.number, clerk_id=found.clerk_id)


def _add_registering(router: APIRouter, ports: Ports, identity: Identity) -> None:
    changes = _Changes(ports)

    @router.post("/devices", responses=refusals(), openapi_extra=asks_for(WRITE))
    async def create_device(
        device: NewDevice,
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Made:
        """Register a device; it has no certificate until it is provisioned."""
        asked = idempotency.asked(caller.household_id, idempotency_key, request, device.model_dump_json())
        values = device.model_dump(exclude={"name", "kind"})

        def work(unit_of_work: UnitOfWork) -> dict[str, object]:
            number = registration.register(unit_of_work, caller, device.name, device.kind, values)
            return {"id": number}

        answer = await ports.writer.write(lambda unit: idempotency.once(unit, asked, lambda: work(unit)))
        return Made.model_validate(answer)

    @router.put("/devices/{device_id}", responses=refusals(404), openapi_extra=asks_for(WRITE))
    async def update_device(
        device_id: NumberPath, change: DeviceChange, caller: Annotated[Member, Depends(identity.require(WRITE))]
    ) -> Made:
        """Change what is given of a device."""
        values = change.model_dump(exclude_unset=True)
        return await changes.on(caller, device_id, lambda unit, device: registration.change(unit, device, values))


def _add_removing(router: APIRouter, ports: Ports, put: Put, identity: Identity) -> None:
    changes = _Changes(ports)

    @router.delete("/devices/{device_id}", responses=refusals(404), openapi_extra=asks_for(MANAGE))
    async def delete_device(
        device_id: NumberPath, caller: Annotated[Member, Depends(identity.require(MANAGE))]
    ) -> Made:
        """Take a device out of use: its certificate is revoked; what it brought stays."""
        return await changes.on(caller, device_id, lambda unit, device: put(unit, registration.remove(unit, device)))


def _add_settings(router: APIRouter, ports: Ports, identity: Identity) -> None:
    changes = _Changes(ports)

    @router.get("/devices/{device_id}/settings", responses=refusals(404), openapi_extra=asks_for(READ))
    def get_settings(
        device_id: NumberPath, caller: Annotated[Member, Depends(identity.require(READ))]
    ) -> DeviceBehaviour:
        """Return what is set of a device."""
        with ports.database.read() as unit_of_work:
            return behaviour_answer(registration.find(unit_of_work, caller.household_id, device_id).behaviour)

    @router.put("/devices/{device_id}/settings", responses=refusals(404), openapi_extra=asks_for(WRITE))
    async def update_settings(
        device_id: NumberPath, change: DeviceBehaviour, caller: Annotated[Member, Depends(identity.require(WRITE))]
    ) -> Done:
        """Change the settings that are given."""
        values = change.model_dump(exclude_unset=True)
        await changes.on(caller, device_id, lambda unit, device: registration.change(unit, device, values))
        return UPDATED

    @router.patch("/devices/{device_id}/status", responses=refusals(404), openapi_extra=asks_for(WRITE))
    async def update_status(
        device_id: NumberPath, change: StatusChange, caller: Annotated[Member, Depends(identity.require(WRITE))]
    ) -> Made:
        """Say whether a device is in use."""
        values = change.model_dump()
        return await changes.on(caller, device_id, lambda unit, device: registration.change(unit, device, values))


def _add_reports(router: APIRouter, ports: Ports, identity: Identity) -> None:
    changes = _Changes(ports)

    @router.post("/devices/{device_id}/heartbeat", responses=refusals(404), openapi_extra=asks_for(WRITE))
    async def take_heartbeat(
        device_id: NumberPath, caller: Annotated[Member, Depends(identity.require(WRITE))]
    ) -> Made:
        """Note that the device was heard of now."""
        return await changes.on(caller, device_id, lambda unit, device: DeviceRegister(unit).touch(device))

    @router.post("/devices/{device_id}/health", responses=refusals(404), openapi_extra=asks_for(WRITE))
    async def take_health(
        device_id: NumberPath, report: HealthReport, caller: Annotated[Member, Depends(identity.require(WRITE))]
    ) -> Done:
        """Store what a device says of itself."""
        health = Health(**report.model_dump())
        await changes.on(caller, device_id, lambda unit, device: DeviceRegister(unit).add_health(device, health))
        return UPDATED
