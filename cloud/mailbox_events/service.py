"""Use cases of mailbox events: taking a board's report, and choosing what the gateway photographs next."""

import json
from typing import Any

from cloud.devices.model import Device, Report, Taken, moved_watermark
from cloud.devices.repository import DeviceRepository
from cloud.devices.service import render_desired
from cloud.mailbox_events.model import MailboxEvent, read_event, read_position
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event


def take_events(
    unit_of_work: UnitOfWork, device: Device, message: dict[str, Any], received_at: int, settle_ms: int
) -> Taken:
    """Store a board's events, each once, and move its ack watermark; times that cannot be right become faults."""
    taken = [read_event(item, message["install"], message["boot"], received_at) for item in message["events"]]
    repository, devices = MailboxEventRepository(unit_of_work), DeviceRepository(unit_of_work)
    new = repository.unknown(device, taken)
    following: list[Event] = []
    for event in new:
        following += _take(repository, device, event, received_at, settle_ms)
    _acknowledge(devices, device, message, taken[-1])
    devices.record(device, _report(message), received_at)
    downlinks = render_desired(unit_of_work, device)
    gateway = request_next_capture(unit_of_work, device.household_id, device.mailbox_id) if following else None
    if gateway:
        downlinks += render_desired(unit_of_work, gateway)
    faults = tuple(f"{event.event_id}: {event.time_fault}" for event in new if event.time_fault)
    return Taken(tuple(following), tuple(downlinks), faults)


def request_next_capture(unit_of_work: UnitOfWork, household_id: str, mailbox_id: str) -> Device | None:
    """Tell the mailbox's gateway what to photograph now: the oldest close it has not answered; returns the gateway."""
    devices = DeviceRepository(unit_of_work)
    gateway = devices.gateway_of(household_id, mailbox_id)
    if gateway is None:
        return None
    waiting = MailboxEventRepository(unit_of_work).waiting_for_images(household_id, mailbox_id)
    capture = None
    if waiting:
        capture = json.dumps({"event_id": waiting.close_event_id, "kind": "close", "at": waiting.closed_at})
    if capture != gateway.capture:
        devices.set_capture(gateway, capture)
    return gateway


def _take(
    repository: MailboxEventRepository, device: Device, event: MailboxEvent, received_at: int, settle_ms: int
) -> list[Event]:
    following = []
    episode_id = repository.running_episode(device)
    if event.event_type == "open":
        episode_id = repository.open_episode(device, event.occurred_at)
    elif event.event_type == "close":
        settle_at = received_at + settle_ms
        episode_id = repository.close_episode(device, episode_id, event, settle_at)
        following.append(Event("episode_closed", device.household_id, episode_id, settle_at))
    repository.add(device, event, received_at, episode_id)
    return following


def _acknowledge(devices: DeviceRepository, device: Device, message: dict[str, Any], last: MailboxEvent) -> None:
    moved = moved_watermark(device.ack, read_position(message.get("after")), last.position)
    if moved and moved != device.ack:
        devices.set_ack(device, moved)
    else:
        devices.touch_desired(device)


def _report(message: dict[str, Any]) -> Report:
    return Report(
        firmware=message["fw"], batt_mv=message.get("batt_mv"), rssi=message.get("rssi"), lost=message["lost"]
    )
