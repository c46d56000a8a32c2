"""HTTP of notifications: send one, list and delete them."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from cloud.accounts.identity import Identity, address_of
from cloud.accounts.limits import NOTIFY_BY_HOUSEHOLD, Bucket, take
from cloud.accounts.model import READ, WRITE, Member
from cloud.accounts.sharing.audit import Actor
from cloud.api.answers import Made, NumberPath, NumberQuery, TaggedRoute, refusals
from cloud.api.paging import Page, asked_page, tell_next
from cloud.devices.registration import find
from cloud.errors import NotFoundError
from cloud.notifications import short_mails
from cloud.notifications.repository import NotificationRepository
from cloud.notifications.schemas import NewNotification, NotificationAnswer, NotificationType, notification_answer
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports
from cloud.repeats import idempotency
from cloud.repeats.idempotency import Asked, KeyHeader

Put = Callable[[UnitOfWork, list[Event]], None]


def build_router(ports: Ports, put: Put, identity: Identity) -> APIRouter:
    """Return the routes of notifications; ``put`` adds jobs in the transaction that caused them."""
    router = APIRouter(tags=["notifications"], route_class=TaggedRoute)
    _add_sending(router, ports, put, identity)
    _add_list(router, ports, identity)
    return router


def _add_sending(router: APIRouter, ports: Ports, put: Put, identity: Identity) -> None:
    @router.post("/mailbox/notifications", responses=refusals(404, 409))
    async def send_notification(
        notification: NewNotification,
        caller: Annotated[Member, Depends(identity.require(WRITE))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Made:
        """Send a notification: the household's owners get an e-mail; a household may do so 60 times an hour.

        The list says in `sent_at` whether it went out: null where it went to nobody.
        """
        asked = idempotency.asked(caller.household_id, idempotency_key, request, notification.model_dump_json())
        await run_in_threadpool(_count, ports.database, asked)

        def work(unit_of_work: UnitOfWork) -> dict[str, object]:
            device = find(unit_of_work, caller.household_id, notification.device_id).device
            number, following = short_mails.notify(unit_of_work, ports, device, notification.notification_type.value)
            put(unit_of_work, following)
            return {"id": number}

        answer = await ports.writer.write(lambda unit: idempotency.once(unit, asked, lambda: work(unit)))
        return Made.model_validate(answer)


def _count(database: Database, asked: Asked) -> None:
    """Count what a household sends, unless it comes again; committed at once, so that no other server waits for it."""
    if not idempotency.is_repeat(database, asked):
        take(database, [Bucket(NOTIFY_BY_HOUSEHOLD, asked.household_id)])


def _add_list(router: APIRouter, ports: Ports, identity: Identity) -> None:
    @router.get("/mailbox/notifications", responses=refusals(404))
    def list_notifications(
        device_id: NumberQuery,
        caller: Annotated[Member, Depends(identity.require(READ))],
        page: Annotated[Page, Depends(asked_page)],
        request: Request,
        response: Response,
        notification_type: NotificationType | None = None,
    ) -> list[NotificationAnswer]:
        """List a device's notifications, newest first: of every type unless one is asked for."""
        kinds = () if notification_type is None else (notification_type.value,)
        with ports.database.read() as unit_of_work:
            device = find(unit_of_work, caller.household_id, device_id).device
            found = NotificationRepository(unit_of_work).listed(caller.household_id, device.id, page, kinds)
        tell_next(request, response, page, len(found), (0, found[-1].id) if found else None)
        return [notification_answer(one, device_id) for one in found]

    @router.delete("/mailbox/notifications/{notification_id}", responses=refusals(404))
    async def delete_notification(
        notification_id: NumberPath, caller: Annotated[Member, Depends(identity.require(WRITE))], request: Request
    ) -> Made:
        """Delete a notification from the list; an e-mail that was sent stays sent."""
        by = Actor(caller, address_of(request))

        def work(unit_of_work: UnitOfWork) -> None:
            if not NotificationRepository(unit_of_work).remove(caller.household_id, notification_id):
                raise NotFoundError(f"expected a notification of this household, found none with id {notification_id}")
            by.note(unit_of_work, "notification deleted", str(notification_id))

        await ports.writer.write(work)
        return Made(id=notification_id)
