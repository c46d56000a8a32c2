"""HTTP of mailbox events: reports of boards without MQTT, and the list of what happened."""

import logging
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from cloud import correlation
from cloud.accounts import rechecking
from cloud.accounts.callers import OUTDATED, Caller, Claim, OutdatedClaimError, still_stands
from cloud.accounts.identity import Identity, PresumingGuard, address_of
from cloud.accounts.model import READ, WRITE, Member
from cloud.accounts.sharing.audit import Actor
from cloud.api.answers import Done, Made, NumberPath, NumberQuery, TaggedRoute, refusals
from cloud.api.paging import Page, asked_page, tell_next
from cloud.api.quick import quick_post
from cloud.errors import NotFoundError, RefusedError
from cloud.mailbox_events.model import CLOSE, EVENT_TYPES, OPEN, HttpReport
from cloud.mailbox_events.pages import Listed, Wanted, read_pages
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.mailbox_events.schemas import EventAnswer, EventFilter, NewEvent, ShortEvent
from cloud.mailbox_events.service import Reported, take_http_events, take_reports, unsure
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.gathering import Gathering
from cloud.ports.group_work import GroupWork
from cloud.ports.outlets import Outlets
from cloud.ports.ports import Ports
from cloud.queries import unix_ms
from cloud.repeats import idempotency
from cloud.repeats.idempotency import Asked, KeyHeader

log = logging.getLogger(__name__)

# Keeps the names that callers choose apart from those that boards make; a gateway is told it, so it keeps to the wire.
NAMED = "http."
# Told apart by the name that both have in the end, so that a key goes on as before there was another.
BY_ANOTHER_NAME = {"occurred_at"}
SHORT = {ShortEvent.OPENED: OPEN, ShortEvent.CLOSED: CLOSE}


class _Reports:
    """Takes reports, each committed before its answer: those that come at the same time together."""

    def __init__(self, ports: Ports, outlets: Outlets) -> None:
        self._ports = ports
        self._outlets = outlets
        self._gathering = Gathering(self._store_group)

    async def take(self, report: HttpReport, claim: Claim | None = None) -> int:
        """Store the event once and return its number; raises OutdatedClaimError for who is let in no more."""
        return await self._gathering.ask(Reported(report, claim or rechecking.current()))

    async def take_once(self, asked: Asked, report: HttpReport, claim: Claim | None = None) -> int:
        """Store the event and the request's key together; the answer to a request that comes again is the first."""
        downlinks: list[Downlink] = []

        def work(unit_of_work: UnitOfWork) -> dict[str, object]:
            if claim and not still_stands(unit_of_work, claim):
                raise OutdatedClaimError(OUTDATED)
            return idempotency.once(
                unit_of_work, asked, lambda: {"id": self._store_one(unit_of_work, report, downlinks)}
            )

        answer = await self._ports.writer.write(work)
        self._publish(downlinks)
        number = int(str(answer["id"]))
        _log_stories([report], [number])
        return number

    async def _store_group(self, reports: Sequence[Reported]) -> Sequence[int | RefusedError]:
        taken = await self._ports.group_work.run(take_reports, tuple(reports), len(reports), unsure)
        self._publish(taken.downlinks)
        _log_stories([one.report for one in reports], taken.answers)
        return taken.answers

    def _store_one(self, unit_of_work: UnitOfWork, report: HttpReport, downlinks: list[Downlink]) -> int:
        taken = take_http_events(unit_of_work, [report], self._ports.settle_ms)
        self._outlets.put(unit_of_work, list(taken.events))
        downlinks[:] = taken.downlinks  # the work may run twice
        (answer,) = taken.answers
        if isinstance(answer, RefusedError):
            raise answer
        return answer

    def _publish(self, downlinks: Iterable[Downlink]) -> None:
        for downlink in downlinks:
            self._outlets.publish(downlink)


class _Pages:
    """Reads pages; those that are asked for at the same time together, one after the other.

    A page costs more processor than waiting, so many threads would only take turns, and pay for each turn.
    """

    def __init__(self, group_work: GroupWork) -> None:
        self._group_work = group_work
        self._gathering = Gathering(self._read)

    async def listed(self, wanted: Wanted) -> Listed:
        """Return a page; raises NotFoundError for a device that is not the household's."""
        return await self._gathering.ask(wanted)

    async def _read(self, wanted: Sequence[Wanted]) -> Sequence[Listed | RefusedError]:
        return await self._group_work.run(read_pages, tuple(wanted), len(wanted))


def build_router(ports: Ports, outlets: Outlets, identity: Identity) -> APIRouter:
    """Return the routes of mailbox events."""
    router = APIRouter(tags=["mailbox events"], route_class=TaggedRoute)
    reports = _Reports(ports, outlets)
    _add_report(router, reports, identity.presume(WRITE))
    _add_short_report(router, reports, identity)
    _add_list(router, ports, identity)
    return router


def _add_report(router: APIRouter, reports: _Reports, guard: PresumingGuard) -> None:
    async def create_event(
        event: NewEvent,
        caller: Annotated[Caller, Depends(guard)],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Response:
        """Report that the door was opened or closed."""
        if event.occurred_at is not None:
            event = _with_timestamp(event, event.occurred_at)

        async def take(sender: Caller) -> int:
            report = _report(sender.member.household_id, event)
            if idempotency_key is None:
                return await reports.take(report, sender.claim)
            body = event.model_dump_json(exclude=BY_ANOTHER_NAME)
            asked = idempotency.asked(report.household_id, idempotency_key, request, body)
            return await reports.take_once(asked, report, sender.claim)

        number = await guard.rechecked(request, caller, take)
        return Response(orjson.dumps({"id": number}), media_type="application/json")

    router.add_api_route(
        "/mailbox/events",
        create_event,
        methods=["POST"],
        route_class_override=quick_post(NewEvent, guard),
        response_model=Made,
        responses=refusals(404, 409),
    )


def _add_short_report(router: APIRouter, reports: _Reports, identity: Identity) -> None:
    async def take_short_report(
        d: Annotated[NumberQuery, Query(description="device id")],
        e: Annotated[ShortEvent, Query(description="o for open, c for close")],
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Done:
        """Report an opening or closing in as few bytes as a very small board can send."""
        report = HttpReport(
            caller.household_id,
            d,
            SHORT.get(e, e.value),
            NAMED + str(uuid.uuid4()),
            None,
            may_be_stored=False,
            correlation_id=correlation.current(),
        )
        if idempotency_key is None:
            await reports.take(report)
        else:
            await reports.take_once(idempotency.asked(caller.household_id, idempotency_key, request, ""), report)
        return Done(status="ok")

    router.add_api_route(
        "/iot/report",
        take_short_report,
        methods=["POST"],
        # Very small boards send what else they send, and read no answer: here any name is taken.
        route_class_override=APIRoute,
        summary="Report an opening or closing in few bytes",
        responses=refusals(404),
    )


def _add_list(router: APIRouter, ports: Ports, identity: Identity) -> None:
    pages, guard = _Pages(ports.group_work), identity.presume(READ)

    @router.get("/mailbox/events", response_model=list[EventAnswer], responses=refusals(404))
    async def list_events(
        device_id: NumberQuery,
        caller: Annotated[Caller, Depends(guard)],
        page: Annotated[Page, Depends(asked_page)],
        request: Request,
        event_type: EventFilter = EventFilter.DOOR,
    ) -> Response:
        """List a device's events, newest first: openings and closings unless others, or ``all``, are asked for."""

        async def read(reader: Caller) -> Listed:
            wanted = Wanted(reader.member.household_id, device_id, _kinds(event_type), page, reader.claim)
            return await pages.listed(wanted)

        listed = await guard.rechecked(request, caller, read)
        response = Response(listed.content, media_type="application/json")
        tell_next(request, response, page, listed.rows, listed.last)
        return response

    @router.delete("/mailbox/events/{event_id}", responses=refusals(404))
    async def delete_event(
        event_id: NumberPath, caller: Annotated[Member, Depends(identity.require(WRITE))], request: Request
    ) -> Made:
        """Delete an event from the list; the letters that it brought stay."""
        by = Actor(caller, address_of(request))

        def work(unit_of_work: UnitOfWork) -> None:
            event_type = MailboxEventRepository(unit_of_work).remove(caller.household_id, event_id)
            if event_type is None:
                raise NotFoundError(f"expected an event of this household, found none with id {event_id}")
            by.note(unit_of_work, "event deleted", f"{event_type}, {event_id}")

        await ports.writer.write(work)
        return Made(id=event_id)


def _log_stories(reports: Iterable[HttpReport], answers: Iterable[int | RefusedError]) -> None:
    """Tell in one line of the log of all reports that are stored, each by its story and number."""
    stories = [
        f"{report.correlation_id} event {number}"
        for report, number in zip(reports, answers, strict=True)
        if isinstance(number, int)
    ]
    if stories:
        log.info("reports over HTTP stored: %d", len(stories), extra={"stories": stories})


def _with_timestamp(event: NewEvent, occurred_at: datetime) -> NewEvent:
    """Return an event that tells its time as ``occurred_at`` as one that tells it as ``timestamp``."""
    if event.timestamp is not None and unix_ms(event.timestamp) != unix_ms(occurred_at):
        came = f"{event.timestamp.isoformat()} and {occurred_at.isoformat()}"
        expected = "expected the same time as timestamp, or one of them left out"
        raise RefusedError(f"occurred_at: {expected}, got {came}", field="body.occurred_at")
    return event.model_copy(update={"timestamp": occurred_at})


def _report(household_id: str, event: NewEvent) -> HttpReport:
    """Return the report of an event; an opening that is reported again with the same time is the same one."""
    stated_at = unix_ms(event.timestamp) if event.timestamp else None
    given = event.event_id or (f"{event.event_type}-{stated_at}" if event.timestamp else "")
    name = NAMED + (given or str(uuid.uuid4()))
    kind, story = event.event_type.value, correlation.current()
    return HttpReport(household_id, event.device_id, kind, name, stated_at, bool(given), story)


def _kinds(asked: EventFilter) -> tuple[str, ...]:
    if asked is EventFilter.DOOR:
        return (OPEN, CLOSE)
    return EVENT_TYPES if asked is EventFilter.ALL else (asked.value,)
