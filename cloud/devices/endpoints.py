"""HTTP of devices: registering, settings, and what they say of themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from cloud.accounts.identity import Identity, address_of
from cloud.accounts.mails import Post
from cloud.accounts.model import MANAGE, READ, WRITE, Member
from cloud.accounts.recovery import offer_address
from cloud.accounts.sharing.audit import Actor
from cloud.api.answers import Done, Made, NumberPath, ProgramRoute, TaggedRoute, refusals, version_of, whole
from cloud.api.conditions import Condition, asked_condition
from cloud.api.paging import Page, asked_part, tell_next
from cloud.devices import registration
from cloud.devices.battery import endpoints as batteries
from cloud.devices.lists.repository import DeviceLists
from cloud.devices.model import Device
from cloud.devices.profile import Health, Registered
from cloud.devices.repository import DeviceRegister
from cloud.devices.schemas import (
    OWNER,
    DeviceAnswer,
    DeviceChange,
    HealthReport,
    LookedUp,
    NewDevice,
    SettingsAnswer,
    SettingsChange,
    StatusChange,
    device_answer,
    settings_answer,
)
from cloud.errors import NotFoundError, RefusedError
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.outlets import Outlets
from cloud.ports.ports import Ports
from cloud.repeats import idempotency
from cloud.repeats.idempotency import Asked, KeyHeader

Filter = Annotated[str | None, Query(max_length=200)]
OwnerFilter = Annotated[str | None, Query(max_length=200, description=f"only of this owner; {OWNER}")]
DeviceName = Annotated[str | None, Query(max_length=200, description="the device's exact name or thing")]
Conditional = Annotated[Condition, Depends(asked_condition)]
UPDATED, UNCHANGED = Done(status="updated"), Done(status="no changes")


@dataclass(frozen=True, slots=True)
class _Changes:
    """Changes of devices, each committed before the answer and then told to the device."""

    ports: Ports
    outlets: Outlets

    async def make(self, work: Callable[[UnitOfWork], list[Downlink]]) -> None:
        """Do the work and publish what it returns."""
        for downlink in await self.ports.writer.write(work):
            self.outlets.publish(downlink)

    async def note(self, asked: Asked, number: int, work: Callable[[DeviceRegister, Device], None]) -> None:
        """Write down what a device said of itself, once for a request that comes again."""

        def found(unit_of_work: UnitOfWork) -> dict[str, object]:
            work(DeviceRegister(unit_of_work), registration.find(unit_of_work, asked.household_id, number).device)
            return {}

        await self.ports.writer.write(lambda unit: idempotency.once(unit, asked, lambda: found(unit)))


def build_router(ports: Ports, outlets: Outlets, identity: Identity, post: Post) -> APIRouter:
    """Return the routes of devices; ``post`` asks who has no address to confirm the one that they give."""
    router = APIRouter(tags=["devices"], route_class=TaggedRoute)
    _add_lookup(router, ports.database, identity)
    at_the_page = APIRouter(route_class=ProgramRoute)
    _add_at_the_page(at_the_page, ports.database, identity)
    router.include_router(at_the_page)
    changes = _Changes(ports, outlets)
    _add_registering(router, ports, identity, post)
    _add_changing(router, changes, identity, post)
    _add_settings(router, changes, identity)
    _add_reports(router, changes, identity)
    router.include_router(batteries.build_router(ports.database, identity))
    return router


def _add_at_the_page(router: APIRouter, database: Database, identity: Identity) -> None:
    @router.get("/devices", responses=refusals())
    def list_devices(
        caller: Annotated[Member, Depends(identity.require(READ))],
        page: Annotated[Page, Depends(asked_part)],
        request: Request,
        response: Response,
        clerk_id: OwnerFilter = None,
        name: Filter = None,
    ) -> list[DeviceAnswer]:
        """List the household's devices, newest first."""
        with database.read() as unit_of_work:
            found = registration.listed(unit_of_work, caller.household_id, page, clerk_id, name)
        tell_next(request, response, page, len(found), (0, found[-1].number) if found else None)
        return [device_answer(one) for one in found]

    @router.get("/devices/{device_id}", response_model=DeviceAnswer, responses=refusals(404))
    def get_device(device_id: NumberPath, caller: Annotated[Member, Depends(identity.require(READ))]) -> Response:
        """Show a device."""
        with database.read() as unit_of_work:
            return whole(device_answer(registration.find(unit_of_work, caller.household_id, device_id)))


def _add_lookup(router: APIRouter, database: Database, identity: Identity) -> None:
    @router.get("/device/lookup", summary="Find a device by its name", responses=refusals(404))
    def look_up(
        caller: Annotated[Member, Depends(identity.require(READ))],
        serial_id: DeviceName = None,
        device_name: DeviceName = None,
    ) -> LookedUp:
        """Find a device of the household by its exact name or by its name at the broker."""
        if serial_id is None and device_name is None:
            expected = "expected serial_id or device_name, got neither; say which device is looked for"
            raise RefusedError(expected, field="query.serial_id")
        sought = serial_id or device_name
        with database.read() as unit_of_work:
            found = DeviceLists(unit_of_work).called(caller.household_id, sought) if sought else None
        if found is None:
            raise NotFoundError("expected serial_id or device_name of a device of this household, found none")
        return LookedUp(device_id=found.number, clerk_id=found.clerk_id)


def _add_registering(router: APIRouter, ports: Ports, identity: Identity, post: Post) -> None:
    @router.post("/devices", responses=refusals(409))
    async def create_device(
        device: NewDevice,
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Made:
        """Register a device; it has no certificate until it is provisioned. A household has so many at most."""
        asked = idempotency.asked(caller.household_id, idempotency_key, request, device.model_dump_json())
        new = registration.NewOne(device.name, device.kind, device.model_dump(exclude={"name", "kind"}))
        by = Actor(caller, address_of(request))
        claims = await run_in_threadpool(identity.outside_claims, request) if device.email else None

        def work(unit_of_work: UnitOfWork) -> dict[str, object]:
            number = registration.register(unit_of_work, by, new, ports.most_devices)
            if device.email and claims:
                offer_address(unit_of_work, post, caller, claims.issued_at, device.email)
            return {"id": number}

        answer = await ports.writer.write(lambda unit: idempotency.once(unit, asked, lambda: work(unit)))
        return Made.model_validate(answer)


def _add_changing(router: APIRouter, changes: _Changes, identity: Identity, post: Post) -> None:
    @router.put("/devices/{device_id}", responses=refusals(404, 412))
    async def update_device(
        device_id: NumberPath,
        change: DeviceChange,
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        condition: Conditional,
        request: Request,
    ) -> Made:
        """Change a device; what is left out, or null, stays as it is."""
        by, values = Actor(caller, address_of(request)), change.model_dump(exclude_unset=True)
        claims = await run_in_threadpool(identity.outside_claims, request) if change.email else None

        def work(unit_of_work: UnitOfWork) -> list[Downlink]:
            _check_version(unit_of_work, caller, device_id, condition)
            following = registration.change(unit_of_work, by, device_id, values)
            if change.email and claims:
                offer_address(unit_of_work, post, caller, claims.issued_at, change.email)
            return following

        await changes.make(work)
        return Made(id=device_id)

    @router.delete("/devices/{device_id}", responses=refusals(404, 412))
    async def delete_device(
        device_id: NumberPath,
        caller: Annotated[Member, Depends(identity.require(MANAGE))],
        condition: Conditional,
        request: Request,
    ) -> Made:
        """Delete a device: its certificate is revoked, its connection closed; what it brought stays."""
        by = Actor(caller, address_of(request))

        def remove(unit_of_work: UnitOfWork) -> list[Downlink]:
            _check_version(unit_of_work, caller, device_id, condition)
            changes.outlets.put(unit_of_work, registration.remove(unit_of_work, by, device_id))
            return []

        await changes.make(remove)
        return Made(id=device_id)


def _add_settings(router: APIRouter, changes: _Changes, identity: Identity) -> None:
    @router.get("/devices/{device_id}/settings", response_model=SettingsAnswer, responses=refusals(404))
    def get_settings(device_id: NumberPath, caller: Annotated[Member, Depends(identity.require(READ))]) -> Response:
        """Show a device's settings, and which of them its board has taken or refused."""
        with changes.ports.database.read() as unit_of_work:
            return whole(settings_answer(registration.find(unit_of_work, caller.household_id, device_id)))

    @router.put("/devices/{device_id}/settings", responses=refusals(404, 412))
    async def update_settings(
        device_id: NumberPath,
        change: SettingsChange,
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        condition: Conditional,
        request: Request,
    ) -> Done:
        """Change a device's settings, those that are given; a board is told at once and takes them when it wakes.

        The status is ``no changes`` where none is given, by the names of this description.
        """
        by, values = Actor(caller, address_of(request)), change.model_dump(exclude_unset=True)

        def work(unit_of_work: UnitOfWork) -> list[Downlink]:
            _check_version(unit_of_work, caller, device_id, condition, settings_answer)
            return registration.change(unit_of_work, by, device_id, values)

        await changes.make(work)
        return UPDATED if any(value != {} for value in values.values()) else UNCHANGED

    @router.patch("/devices/{device_id}/status", responses=refusals(404, 412))
    async def update_status(
        device_id: NumberPath,
        change: StatusChange,
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        condition: Conditional,
        request: Request,
    ) -> Made:
        """Switch a device on or off: off, a board keeps events until its next heartbeat, a gateway takes no images."""
        by, values = Actor(caller, address_of(request)), change.model_dump()

        def work(unit_of_work: UnitOfWork) -> list[Downlink]:
            _check_version(unit_of_work, caller, device_id, condition)
            return registration.change(unit_of_work, by, device_id, values)

        await changes.make(work)
        return Made(id=device_id)


def _check_version(
    unit_of_work: UnitOfWork,
    caller: Member,
    number: int,
    condition: Condition,
    shown: Callable[[Registered], BaseModel] = device_answer,
) -> None:
    """Raise OutdatedError where a change is meant for another version; nobody changes the device before this one."""
    if condition.tags is not None:
        one = registration.find(unit_of_work, caller.household_id, number, held=True)
        condition.check(version_of(shown(one)))


def _add_reports(router: APIRouter, changes: _Changes, identity: Identity) -> None:
    @router.post("/devices/{device_id}/heartbeat", responses=refusals(404))
    async def take_heartbeat(
        device_id: NumberPath,
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Made:
        """Report a heartbeat: the device was heard of now."""
        asked = idempotency.asked(caller.household_id, idempotency_key, request, "")
        await changes.note(asked, device_id, lambda register, device: register.touch([device]))
        return Made(id=device_id)

    @router.post("/devices/{device_id}/health", responses=refusals(404))
    async def take_health(
        device_id: NumberPath,
        report: HealthReport,
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Done:
        """Report a device's health: battery, signal, temperature and firmware, each if it is known."""
        health = Health(**report.model_dump())
        asked = idempotency.asked(caller.household_id, idempotency_key, request, report.model_dump_json())
        await changes.note(asked, device_id, lambda register, device: register.add_health(device, health))
        return UPDATED
