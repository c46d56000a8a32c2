"""Pages of a device's events, read and written as JSON for several requests together."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import orjson

from cloud.accounts.callers import OUTDATED, Claim, OutdatedClaimError, outdated
from cloud.api.paging import Page
from cloud.devices.registration import unknown_device
from cloud.devices.repository import DeviceRegister
from cloud.errors import RefusedError
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.mailbox_events.schemas import event_answer
from cloud.ports.group_work import Means

# So many pages take longer than another thread and another transaction.
WORTH_HALVING = 4


class Wanted(NamedTuple):
    """A page of the events of these types, of the household's device ``number``."""

    household_id: str
    number: int
    kinds: tuple[str, ...]
    page: Page
    claim: Claim | None


class Listed(NamedTuple):
    """A page as JSON, how many events it has, and (time, id) of its last one, None for an empty page."""

    content: bytes
    rows: int
    last: tuple[int, int] | None


def read_pages(means: Means, wanted: Sequence[Wanted]) -> list[Listed | RefusedError]:
    """Return each page; NotFoundError for another household's device, OutdatedClaimError for an outdated claim."""
    if not means.database.has_server or len(wanted) < WORTH_HALVING:
        return _read(means, wanted)
    half = len(wanted) // 2
    with ThreadPoolExecutor(1) as beside:
        others = beside.submit(_read, means, wanted[half:])
        return _read(means, wanted[:half]) + others.result()


def _read(means: Means, wanted: Sequence[Wanted]) -> list[Listed | RefusedError]:
    with means.database.read() as unit_of_work:
        outdated_claims = outdated(unit_of_work, {one.claim for one in wanted if one.claim})
        ids = DeviceRegister(unit_of_work).ids({(one.household_id, one.number) for one in wanted})
        events = MailboxEventRepository(unit_of_work)
        return [
            OutdatedClaimError(OUTDATED)
            if one.claim in outdated_claims
            else _listed(events, one, ids.get((one.household_id, one.number)))
            for one in wanted
        ]


def _listed(repository: MailboxEventRepository, wanted: Wanted, device_id: str | None) -> Listed | RefusedError:
    if device_id is None:
        return unknown_device(wanted.number)
    events = repository.listed(wanted.household_id, device_id, wanted.kinds, wanted.page)
    content = orjson.dumps([event_answer(event, wanted.number) for event in events])
    return Listed(content, len(events), (events[-1].occurred_at, events[-1].id) if events else None)
