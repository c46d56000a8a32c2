"""What is committed is told: once, in order, to its household alone, however many write at once."""

import contextlib
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloud import bootstrap, pipeline
from cloud.accounts.service import ensure_household
from cloud.api.paging import Page
from cloud.devices.lists.repository import DeviceLists
from cloud.devices.ownership.repository import OwnershipRepository
from cloud.errors import ConflictError
from cloud.live.model import KEEP_ENTRIES, KEEP_MS, MOST_NAMED
from cloud.live.repository import FeedRepository
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.device_hub import DeviceMessage
from firmware.wire import codec, messages, topics
from tests.databases import execute
from tests.unit.cloud.fakes import FakeMailer, FakeOcrEngine, deliver, drain, with_ports
from tests.unit.cloud.messages import event, events, now, photo, rows, say_events
from tests.unit.live.conftest import change
from tests.waiting import PATIENCE_S

WRITERS, COMMITS, HOUSEHOLDS = 8, 25, 5


def entries(database, household_id, after=0):
    with database.read() as unit_of_work:
        return FeedRepository(unit_of_work).entries(household_id, after, 100_000)


def pause():
    """Let another thread run."""
    time.sleep(0)


def refuse():
    raise ConflictError("no")


def told(database, household_id):
    return [[name for _, name in entry.changed] for entry in entries(database, household_id)]


def test_a_transaction_is_one_entry_of_each_household_that_it_changed(app, home, other):
    before = len(told(app.database, home.household_id))
    with app.database.write() as unit_of_work:
        for household_id in (home.household_id, other.household_id, home.household_id):
            for name in ("one", "two"):
                unit_of_work.note_change(Change(household_id, ChangeKind.LETTER, name))
    for household_id in (home.household_id, other.household_id):
        stored = entries(app.database, household_id)
        assert stored[-1].changed == ((ChangeKind.LETTER, "one"), (ChangeKind.LETTER, "two"))
        assert [entry.position for entry in stored] == list(range(1, before + 2))


def test_many_changes_of_one_kind_are_told_as_several(app, home):
    change(app.database, home.household_id, *(f"letter {number}" for number in range(MOST_NAMED + 1)))
    assert told(app.database, home.household_id)[-1] == [None]


def test_what_is_rolled_back_is_not_told_and_takes_no_position(app, home):
    before = entries(app.database, home.household_id)
    with pytest.raises(ConflictError):
        change(app.database, home.household_id, "never", then=refuse)
    change(app.database, home.household_id, "next")
    last = entries(app.database, home.household_id)[len(before) :]
    assert [(entry.position, entry.changed[0][1]) for entry in last] == [(len(before) + 1, "next")]


def test_what_a_group_refuses_is_not_told(app, home):
    def work(name, then):
        def noting(unit_of_work):
            unit_of_work.note_change(Change(home.household_id, ChangeKind.LETTER, name))
            then()

        return noting

    gate = threading.Event()
    held = app.ports.writer.submit(lambda _: gate.wait(PATIENCE_S))
    futures = [app.ports.writer.submit(work(*one)) for one in (("good", pause), ("bad", refuse), ("fine", pause))]
    gate.set()
    assert held.result(PATIENCE_S)
    assert isinstance(futures[1].exception(PATIENCE_S), ConflictError)
    assert futures[2].exception(PATIENCE_S) is None
    names = [name for entry in told(app.database, home.household_id) for name in entry]
    assert [name for name in names if name in {"good", "bad", "fine"}] == ["good", "fine"]


def test_what_is_too_old_or_too_much_is_forgotten(app, home, other):
    for number in range(3):
        change(app.database, home.household_id, f"letter {number}")
        change(app.database, other.household_id, f"letter {number}")
    execute(app, "DELETE FROM changes WHERE changed NOT LIKE '%letter %'")
    old = "UPDATE changes SET changed_at = changed_at - :age WHERE changed LIKE '%letter 0%'"
    execute(app, f"{old} AND household_id = :home", age=KEEP_MS + 1000, home=home.household_id)
    last = "UPDATE feeds SET position = position + :more WHERE household_id = :other"
    execute(app, last, more=KEEP_ENTRIES - 1, other=other.household_id)
    with app.database.write() as unit_of_work:
        FeedRepository(unit_of_work).forget_old()
    assert told(app.database, home.household_id) == [["letter 1"], ["letter 2"]]
    assert told(app.database, other.household_id) == [["letter 2"]]


def test_every_use_case_tells_what_it_changed(app, home):
    app = with_ports(app, ocr_engine=FakeOcrEngine(), mailer=FakeMailer())
    start = len(entries(app.database, home.household_id))
    deliver(app, home, photo("read", 1))
    drain(app)
    deliver(with_ports(app, ocr_engine=FakeOcrEngine(words=())), home, photo("blank", 2), seq=4)
    drain(with_ports(app, ocr_engine=FakeOcrEngine(words=())))
    changed = {one for entry in entries(app.database, home.household_id, start) for one in entry.changed}
    for kind, table in (
        (ChangeKind.DELIVERY, "episodes"),
        (ChangeKind.IMAGE, "images"),
        (ChangeKind.LETTER, "letters"),
        (ChangeKind.EMAIL, "mail_outbox"),
        (ChangeKind.DEVICE, "devices"),
    ):
        stored = {row_id for (row_id,) in rows(app, f"SELECT id FROM {table}")}  # noqa: S608
        assert stored == {name for told_kind, name in changed if told_kind is kind}, table
    parked = {row_id for (row_id,) in rows(app, "SELECT id FROM jobs WHERE state = 'parked'")}
    assert parked == {name for kind, name in changed if kind is ChangeKind.PROBLEM}


def test_a_gap_is_told_when_it_is_found_when_it_changes_and_when_it_is_filled(app, home, other):
    say_events(app, home.board, event("open", 1))
    say_events(app, other.board, event("open", 1))
    for number, told_again in ((5, True), (3, True), (6, False), (2, True), (4, True), (7, False)):
        start = len(entries(app.database, home.household_id))
        say_events(app, home.board, event("boot", number))
        changed = [one for entry in entries(app.database, home.household_id, start) for one in entry.changed]
        gaps = {name for kind, name in changed if kind is ChangeKind.GAP}
        assert bool(gaps) is told_again, number
        assert gaps <= {gap_id for (gap_id,) in rows(app, "SELECT id FROM event_gaps")}
    assert rows(app, "SELECT count(*) FROM event_gaps WHERE closed_at IS NULL") == [(0,)]
    theirs = [one for entry in entries(app.database, other.household_id) for one in entry.changed]
    assert ChangeKind.GAP not in {kind for kind, _ in theirs}


def test_a_group_of_reports_is_one_entry_for_each_household(app, home, other):
    before = rows(app, "SELECT count(*) FROM changes")[0][0]
    reports = [
        DeviceMessage(board.thing, topics.EVENTS, codec.encode(messages.EVENTS, events(event("open", seq))), now())
        for seq in range(1, 21)
        for board in (home.board, other.board)
    ]
    with app.database.write() as unit_of_work:
        pipeline.take(app.ports, app.queue, unit_of_work, reports)
    assert rows(app, "SELECT count(*) FROM changes")[0][0] == before + 2


def test_a_device_that_changes_hands_is_told_to_both_households(app, home, other):
    starts = {one.household_id: len(entries(app.database, one.household_id)) for one in (home, other)}
    with app.database.write() as unit_of_work:
        given = DeviceLists(unit_of_work).page(home.household_id, Page())[0]
        there = given.device._replace(household_id=other.household_id, mailbox_id=other.mailbox_id)
        OwnershipRepository(unit_of_work).give(given, there)
    for household_id, start in starts.items():
        assert entries(app.database, household_id, start)[0].changed == ((ChangeKind.DEVICE, given.device.id),)


def write_at_random(database, households, writer):
    """Commit changes of random households, in random order, some of them rolled back; returns what was committed."""
    dice, committed = random.Random(writer), []  # noqa: S311 - the same order in every run
    for number in range(COMMITS):
        chosen = dice.sample(households, dice.randint(1, len(households)))
        name = f"{writer}-{number}"
        with contextlib.suppress(ConflictError):
            with database.write() as unit_of_work:
                for household_id in chosen:
                    unit_of_work.note_change(Change(household_id, ChangeKind.LETTER, name))
                (refuse if dice.random() < 0.1 else pause)()
            committed += [(household_id, name) for household_id in chosen]
    return committed


def read_along(database, household_id, writing):
    """Follow a feed by asking again and again until nobody writes any more; returns positions and names."""
    seen, is_last = [], False
    while not is_last:
        is_last = not writing.is_set()
        for entry in entries(database, household_id, seen[-1][0] if seen else 0):
            seen += [(entry.position, name) for _, name in entry.changed]
    return seen


def test_readers_miss_nothing_that_many_writers_commit_at_once(settings, database):
    """Two databases opened on the same rows write as two processes do: each lets its own threads in one by one."""
    with database.write() as unit_of_work:
        people = [f"person{number}@example.org" for number in range(HOUSEHOLDS)]
        households = [ensure_household(unit_of_work, email, "Person").household_id for email in people]
    second, writing = bootstrap.open_database(settings), threading.Event()
    writing.set()
    with ThreadPoolExecutor(WRITERS + HOUSEHOLDS) as pool:
        reading = [pool.submit(read_along, database, one, writing) for one in households]
        writers = [
            pool.submit(write_at_random, (database, second)[number % 2], households, number)
            for number in range(WRITERS)
        ]
        committed = [one for writer in writers for one in writer.result()]
        writing.clear()
        seen = dict(zip(households, [reader.result() for reader in reading], strict=True))
    second.close()
    for household_id in households:
        expected = sorted(name for one, name in committed if one == household_id)
        assert [position for position, _ in seen[household_id]] == list(range(1, len(expected) + 1))
        assert sorted(name for _, name in seen[household_id]) == expected
