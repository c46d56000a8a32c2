"""HTTP of mailbox events: reports of boards without MQTT, and the list of what happened."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from cloud.accounts.identity import Identity
from cloud.accounts.model import READ, WRITE, Member
from cloud.api import idempotency
from cloud.api.answers import Done, Made, NumberPath, NumberQuery, TaggedRoute, asks_for, refusals, unix_ms
from cloud.api.idempotency import Asked, KeyHeader
from cloud.api.paging import Page, asked_page, tell_next
from cloud.devices.model import Position
from cloud.devices.registration import find
from cloud.devices.repository import DeviceRegister
from cloud.errors import NotFoundError
from cloud.mailbox_events import service
from cloud.mailbox_events.model import CLOSE, EVENT_TYPES, HTTP_INSTALL, OPEN, MailboxEvent, corrected_time
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.mailbox_events.schemas import DoorEventType, EventAnswer, EventFilter, NewEvent, ShortEvent, event_answer
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports

# Keeps the names that callers choose apart from those that boards make; a gateway is told it, so it keeps to the wire.
NAMED = "http."
SHORT = {ShortEvent.OPENED: OPEN, ShortEvent.CLOSED: CLOSE}


@dataclass(frozen=True, slots=True)
class EventOutlets:
    """Where the consequences of an event go: jobs in its transaction, messages to gateways after it."""

    put: Callable[[UnitOfWork, list[Event]], None]
    publish: Callable[[Downlink], None]


@dataclass(frozen=True, slots=True)
class _Report:
    """One event as it was reported; ``device`` is the device's number."""

    device: int
    event_type: str
    timestamp: datetime | None
    event_id: str


@dataclass(frozen=True, slots=True)
class _Reports:
    """Takes reports, each committed before its answer."""

    ports: Ports
    outlets: EventOutlets

    async def take(self, caller: Member, asked: Asked, report: _Report) -> dict[str, object]:
        """Store the event once and return its number as ``id``."""
        downlinks: list[Downlink] = []

        def work(unit_of_work: UnitOfWork) -> dict[str, object]:
            downlinks.clear()  # the work may run twice
            device = find(unit_of_work, caller.household_id, report.device).device
            event = _event(report, unit_of_work.now)
            number, following, links = service.take_http_event(unit_of_work, device, event, self.ports.settle_ms)
            DeviceRegister(unit_of_work).touch(device)
            self.outlets.put(unit_of_work, following)
            downlinks.extend(links)
            return {"id": number}

        answer = await self.ports.writer.write(lambda unit: idempotency.once(unit, asked, lambda: work(unit)))
        for downlink in downlinks:
            self.outlets.publish(downlink)
        return answer


def build_router(ports: Ports, outlets: EventOutlets, identity: Identity) -> APIRouter:
    """Return the routes of mailbox events."""
    router = APIRouter(tags=["mailbox events"], route_class=TaggedRoute)
    _add_reports(router, _Reports(ports, outlets), identity)
    _add_list(router, ports, identity)
    return router


def _add_reports(router: APIRouter, reports: _Reports, identity: Identity) -> None:
    @router.post("/mailbox/events", responses=refusals(404, 409), openapi_extra=asks_for(WRITE))
    async def create_event(
        event: NewEvent,
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Made:
        """Report that the door was opened or closed."""
        asked = idempotency.asked(caller.household_id, idempotency_key, request, event.model_dump_json())
        report = _Report(event.device_id, event.event_type, event.timestamp, NAMED + _name(event))
        return Made.model_validate(await reports.take(caller, asked, report))

    @router.post("/iot/report", responses=refusals(404), openapi_extra=asks_for(WRITE))
    async def take_short_report(
        d: Annotated[NumberQuery, Query(description="device id")],
        e: Annotated[ShortEvent, Query(description="o for open, c for close")],
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Done:
        """Report an opening or closing in as few bytes as a very small board can send."""
        asked = idempotency.asked(caller.household_id, idempotency_key, request, "")
        await reports.take(caller, asked, _Report(d, SHORT.get(e, e.value), None, NAMED + str(uuid.uuid4())))
        return Done(status="ok")


def _add_list(router: APIRouter, ports: Ports, identity: Identity) -> None:

    @router.get(
        "/mailbox/events", response_model=list[EventAnswer], responses=refusals(404), openapi_extra=asks_for(READ)
    )
    def list_events(
        device_id: NumberQuery,
        caller: Annotated[Member, Depends(identity.require(READ))],
        page: Annotated[Page, Depends(asked_page)],
        request: Request,
        event_type: EventFilter = EventFilter.DOOR,
    ) -> Response:
        """List a device's events, newest first: openings and closings unless others, or ``all``, are asked for."""
        with ports.database.read() as unit_of_work:
            device = find(unit_of_work, caller.household_id, device_id).device
            events = MailboxEventRepository(unit_of_work).listed(
                caller.household_id, device.id, _kinds(event_type), page
            )
        response = JSONResponse([event_answer(event, device_id) for event in events])
        last = (events[-1].occurred_at, events[-1].id) if events else None
        tell_next(request, response, page, len(events), last)
        return response

    @router.delete("/mailbox/events/{event_id}", responses=refusals(404), openapi_extra=asks_for(WRITE))
    async def delete_event(event_id: NumberPath, caller: Annotated[Member, Depends(identity.require(WRITE))]) -> Made:
        """Delete an event from the list; the letters that it brought stay."""

        def work(unit_of_work: UnitOfWork) -> None:
            if not MailboxEventRepository(unit_of_work).remove(caller.household_id, event_id):
                raise NotFoundError(f"expected an event of this household, found none with id {event_id}")

        await ports.writer.write(work)
        return Made(id=event_id)


def _name(event: NewEvent) -> str:
    """Return what the event is known by: an opening that is reported again with the same time is the same one."""
    if event.event_id:
        return event.event_id
    return f"{event.event_type}-{unix_ms(event.timestamp)}" if event.timestamp else str(uuid.uuid4())


def _kinds(asked: EventFilter) -> tuple[str, ...]:
    if asked is EventFilter.DOOR:
        return (OPEN, CLOSE)
    return EVENT_TYPES if asked is EventFilter.ALL else (asked.value,)


def _event(report: _Report, now: int) -> MailboxEvent:
    """Return the event at its corrected time, placed in the journal by that time."""
    stated = unix_ms(report.timestamp) if report.timestamp else now
    occurred_at, _ = corrected_time("timestamp", stated, None, now)
    return MailboxEvent(
        event_id=report.event_id,
        event_type=DoorEventType(report.event_type).value,
        position=Position(occurred_at, 0, HTTP_INSTALL),
        occurred_at=occurred_at,
        err_ms=0,
        dur_ms=None,
    )
