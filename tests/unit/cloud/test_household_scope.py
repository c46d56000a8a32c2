"""What belongs to one household is nothing to another: every method is tried with a stranger's household."""

import importlib
import inspect
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.event import listen
from sqlalchemy.exc import IntegrityError, NoResultFound

import cloud
from cloud.accounts.id_pages import IdPage
from cloud.accounts.repository import AccountRepository
from cloud.accounts.sharing.audit import note
from cloud.accounts.sharing.repository import EVERYTHING
from cloud.accounts.sharing.service import invite, make_key, revoke_key
from cloud.api.paging import Page
from cloud.devices.battery.model import Drawn, Reading
from cloud.devices.battery.repository import BatteryRepository
from cloud.devices.lists.repository import EVERY
from cloud.devices.model import Position, Report
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.devices.profile import Health, Registered
from cloud.devices.repository import DeviceRegister
from cloud.errors import RefusedError
from cloud.images.repository import ImageRepository
from cloud.mail.repository import MailRepository
from cloud.mailbox_events.group import GroupRepository
from cloud.mailbox_events.model import Journal, MailboxEvent
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.notifications.alarms import raise_and_end
from cloud.notifications.repository import AlarmRepository, NotificationRepository
from cloud.repeats.repository import IdempotencyRepository
from cloud.tables import metadata
from cloud.web.account_mail import build_post
from tests.unit.cloud.fakes import FakeMailer, FakeOcrEngine, deliver, drain, with_ports
from tests.unit.cloud.messages import event, photo, rows, say_events
from tests.unit.cloud.scoping import says_whose, ways
from tests.unit.cloud.test_images import ask

STRANGER = "01900000-0000-7000-8000-000000000000"
WRITES = ("add", "change", "set", "touch", "record", "remove", "end_", "use_")


CHANGES = ("change", "set_", "touch", "record", "remove", "rename", "end_", "give", "use_")
NO_CHANGES = {"AccountRepository.set_household": "at which of their households a login looks is its user's own"}


def scoped_reads():
    """Return every reading method of every repository that takes a household, as (class, name)."""
    root = Path(cloud.__file__).parents[1]
    files = sorted((root / "cloud").glob("**/repository.py"))
    modules = [importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts)) for file in files]
    classes = [
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__
    ]
    return [
        (one, name)
        for one in classes
        for name, method in inspect.getmembers(one, inspect.isfunction)
        if "household_id" in inspect.signature(method).parameters and not name.startswith((*WRITES, "_"))
    ]


@pytest.fixture
def full(app, home):
    """A household with something in every table, and what its rows are called."""
    app = with_ports(app, ocr_engine=FakeOcrEngine(), mailer=FakeMailer())
    deliver(app, home, photo("read", 1))
    drain(app)
    deliver(app, home, photo("damaged", 2), seq=4)
    drain(with_ports(app, ocr_engine=FakeOcrEngine(faults=[RefusedError("expected an image, got half of one")])))
    owner = let_the_owner_act(app, home)
    drain(app)
    (episode_id, image_id, letter_id, sha256), *_ = rows(
        app, "SELECT episode_id, id, letter_id, sha256 FROM images WHERE letter_id IS NOT NULL"
    )
    ask(app, home.gateway, photo("offered", 1))
    say_over_http(app, home)
    raise_alarm(app, home)
    return app, {
        "household_id": home.household_id,
        "number_of": {
            "DeviceRegister": rows(app, "SELECT min(number) FROM device_settings")[0][0],
            "ImageRepository": rows(app, "SELECT min(number) FROM image_numbers")[0][0],
        },
        "key_hash": "k" * 64,
        "kinds": ("open", "close"),
        "page": Page(),
        **devices_of(home),
        "id_page": IdPage(),
        "of_user": None,
        "key_id": rows(app, "SELECT id FROM api_keys WHERE revoked_at IS NULL")[0][0],
        "kept": 0,
        "now": 0,
        "episode_id": episode_id,
        "episode_ids": [episode_id],
        "image_id": image_id,
        "image_ids": [image_id],
        "letter_id": letter_id,
        "letter_ids": [letter_id],
        "mail_id": rows(app, "SELECT id FROM mail_outbox WHERE private = 0")[0][0],
        "event_id": event("close", 2)["event_id"],
        "sha256": sha256,
        "name": "Drive",
        "user_id": owner.user.id,
        "limit": 50,
        "after": 0,
        "before": "~",
        "since": 0,
        "until": 2**41,
        "closed": closed_episodes(app, home),
        "alarm_id": rows(app, "SELECT id FROM alarms")[0][0],
    }


def devices_of(home):
    """Return what the household's devices and mailboxes are called."""
    return {
        "mailbox_id": home.mailbox_id,
        "mailbox_ids": [home.mailbox_id],
        "device_id": home.gateway.id,
        "device_ids": [home.board.id, home.gateway.id],
        "board_id": home.board.id,
        "sought": home.board.thing,
        "chosen": EVERY,
        "within": EVERYTHING,
        "times": Page(),
        "rows": IdPage(after="~"),
        "held": False,
        "state": "letter",
    }


def let_the_owner_act(app, home):
    """Add what the household's owner makes; returns the owner."""
    with app.database.write() as unit_of_work:
        (owner,) = AccountRepository(unit_of_work).owners(home.household_id)
        note(unit_of_work, owner, "tested", "everything", "::1")
        make_key(unit_of_work, owner, "heating", ["read"])
        revoke_key(unit_of_work, owner, make_key(unit_of_work, owner, "blinds", ["read"])[0].id)
        invite(unit_of_work, build_post(app), owner, "guest@example.org", "viewer")
        provision_unclaimed(unit_of_work, app.authority, "board", claim_code(bytes(CODE_BYTES)), home.household_id)
    return owner


def closed_episodes(app, home):
    with app.database.read() as unit_of_work:
        return MailboxEventRepository(unit_of_work).newest(home.household_id, 10)


def raise_alarm(app, home):
    """Let a board say that its battery is low, and that it had no room for an event."""
    say_events(app, home.board, event("low_battery", 9), lost=1, batt_mv=3000)
    with app.database.write() as unit_of_work:
        raise_and_end(unit_of_work, 0)


def journal(device):
    return Journal(device.id, device.household_id, "http")


def say_over_http(app, home):
    """Add what only the HTTP interface makes, all of it about the gateway, and an opening that is not judged yet."""
    close = MailboxEvent(event("close", 2)["event_id"], "close", Position(1, 1, "http"), 2**40, 0, None)
    with app.database.write() as unit_of_work:
        DeviceRegister(unit_of_work).add_health(home.gateway, Health(battery_level=50))
        battery = Reading(unit_of_work.now, 4000, Drawn(charge_mc=310))
        BatteryRepository(unit_of_work).add(home.gateway, battery, rssi=-61, firmware="1")
        NotificationRepository(unit_of_work).add(home.gateway, "open")
        IdempotencyRepository(unit_of_work).add(home.household_id, "k" * 64, "f" * 64, "{}")
        episode_id = MailboxEventRepository(unit_of_work).add_episode(home.board, opened_at=unit_of_work.now)
        events = GroupRepository(unit_of_work, [journal(home.gateway)], [])
        events.add(home.gateway, close, unit_of_work.now, episode_id)
        events.add(home.gateway, close._replace(event_id="deleted"), unit_of_work.now, episode_id)
        events.flush()
    ((deleted,),) = rows(app, "SELECT id FROM mailbox_events WHERE event_id = 'deleted'")
    with app.database.write() as unit_of_work:
        assert MailboxEventRepository(unit_of_work).remove(home.household_id, deleted)


def called(repository, name, values):
    """Return what a method answers to those of the values that it asks for."""
    values = values | {"number": values["number_of"].get(type(repository).__name__)}
    method = getattr(repository, name)
    return method(**{key: values[key] for key in inspect.signature(method).parameters})


def found(app, repository, name, values):
    """Return what a method answers, emptied of keys without anything behind them."""
    with app.database.read() as unit_of_work:
        answer = called(repository(unit_of_work), name, values)
    if isinstance(answer, dict):
        return [value for value in answer.values() if value not in ([], None)]
    return answer


@pytest.mark.parametrize(("repository", "name"), scoped_reads(), ids=lambda one: getattr(one, "__name__", one))
def test_a_stranger_finds_nothing_where_the_household_does(full, repository, name):
    app, values = full
    assert found(app, repository, name, values) not in (None, [], 0)
    assert found(app, repository, name, values | {"household_id": STRANGER}) in (None, [], 0)


def faults_of_plan(connection, statement, values):
    """Return why a query does not walk an index: it looks at all of a table, or sorts all that a household has.

    What a query within it has found has no index; that query is judged itself.
    """
    if connection.dialect.name == "sqlite":
        steps = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
        walks_all = any(step.endswith("(household_id=?)") for step in steps) and "LIMIT" in statement
        poor = ("SCAN", "USE TEMP B-TREE") if walks_all else ("SCAN",)
        within = tuple(f"SCAN {name}" for name in re.findall(r"\)\s+AS (\w+)", statement))
        return [step for step in steps if step.startswith(poor) and step not in (*within, "SCAN CONSTANT ROW")]
    # Which one it takes depends on how few the rows are here; that there is one to take does not.
    steps = connection.exec_driver_sql(f"EXPLAIN FORMAT=TRADITIONAL {statement}", values).mappings()
    tables = [step for step in steps if step["table"] and not step["table"].startswith("<derived")]
    return [dict(step) for step in tables if not step["possible_keys"]]


def test_every_list_is_read_along_an_index(full):
    app, values = full
    faults, asked = {}, []
    with app.database.read() as unit_of_work:
        connection = unit_of_work.connection
        listen(connection, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
        for repository, name in scoped_reads():
            asked.clear()
            called(repository(unit_of_work), name, values)
            assert asked, name
            found_here = [fault for one in tuple(asked) for fault in faults_of_plan(connection, *one)]
            if found_here:
                faults[f"{repository.__name__}.{name}"] = found_here
    assert faults == {}


def test_of_a_boards_episodes_only_those_that_run_are_looked_at(app, home):
    """However many have ended, with a close that was seen or without."""
    with app.database.write() as unit_of_work:
        repository = MailboxEventRepository(unit_of_work)
        for number in range(200):
            repository.add_episode(home.board, opened_at=number, closed_at=number + 1)
        connection = unit_of_work.connection
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql("ANALYZE TABLE episodes")
    asked = []
    with app.database.read() as unit_of_work:
        connection = unit_of_work.connection
        listen(connection, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
        GroupRepository(unit_of_work, [journal(home.board)], [])
        MailboxEventRepository(unit_of_work).end_episodes(home.household_id, home.board.id)
        plans = [plan_of_episodes(connection, *one) for one in tuple(asked) if " episodes" in one[0]]
    assert plans == [["board_id", "close_event_id", "closed_at"]] * 2


def plan_of_episodes(connection, statement, values):
    """Return by which columns a query finds its episodes."""
    if connection.dialect.name == "sqlite":
        steps = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
        (found,) = [step for step in steps if step.startswith("SEARCH episodes")]
        return re.findall(r"(\w+)=\?", found)
    steps = connection.exec_driver_sql(f"EXPLAIN FORMAT=TRADITIONAL {statement}", values).mappings()
    (found,) = [step for step in steps if step["table"] == "episodes"]
    columns = connection.exec_driver_sql(f"SHOW INDEX FROM episodes WHERE Key_name = '{found['key']}'").mappings()
    return [column["Column_name"] for column in columns][: len((found["ref"] or "").split(","))]


def test_the_enumeration_finds_the_repositories():
    assert len({one for one, _ in scoped_reads()}) >= 6
    assert len(scoped_reads()) >= 24


def test_a_stranger_sees_none_of_the_dlq(full):
    app, values = full
    with app.database.read() as unit_of_work:
        assert len(app.dlq.of_household(unit_of_work, values["household_id"], 10)) == 1
        assert app.dlq.of_household(unit_of_work, STRANGER, 10) == []


def changes():
    """Return every way that changes rows of a household, as (class, name); those that add rows have none to find."""
    named = [way.name.split(".") for way in ways() if says_whose(way.function) and way.name not in NO_CHANGES]
    classes = {way.function.__module__: importlib.import_module(way.function.__module__) for way in ways()}
    found = {one: getattr(module, one) for module in classes.values() for one, _ in named if hasattr(module, one)}
    return [(found[one], name) for one, name in named if name.startswith(CHANGES)]


def with_stranger(value):
    """Return a value as it would be of another household."""
    if isinstance(value, list):
        return [with_stranger(one) for one in value]
    if isinstance(value, Registered):
        return replace(value, device=with_stranger(value.device))
    if isinstance(value, tuple) and hasattr(value, "household_id"):
        return value._replace(household_id=STRANGER)
    if type(value) is tuple:
        return tuple(map(with_stranger, value))
    return replace(value, household_id=STRANGER) if hasattr(value, "household_id") else value


@pytest.fixture
def changed(full, home):
    """What each way to change rows of the household is given."""
    app, values = full
    with app.database.read() as unit_of_work:
        image = ImageRepository(unit_of_work).get(values["household_id"], values["image_id"])
        mail = MailRepository(unit_of_work).get(values["household_id"], values["mail_id"])
        alarm = AlarmRepository(unit_of_work).get(values["household_id"], values["alarm_id"])
        register = DeviceRegister(unit_of_work)
        registered = register.get(values["household_id"], values["number_of"]["DeviceRegister"])
    report = Report(online=not rows(app, f"SELECT online FROM devices WHERE id = '{home.board.id}'")[0][0], rssi=-1)  # noqa: S608
    said = {"report": report, "received_at": 2**41, "reports": [(home.board, Report(batt_mv=3333), 2**41)]}
    of_device = {"device": home.board, "heard": [home.board], "capture": "{}"}
    of_person = {"role": "viewer", "now": 2**41, "hint": "other"}
    return {
        **values | said | of_device | of_person,
        "invitation_id": rows(app, "SELECT id FROM invitations")[0][0],
        "wishes": {"debounce_ms": 20},
        "offered": "{}",
        "image": image,
        "mail": mail,
        "only_from": mail.state,
        "alarm": alarm,
        "one": registered,
        "to": registered.device,
        "number_of": {
            "MailboxEventRepository": rows(app, "SELECT min(id) FROM mailbox_events")[0][0],
            "NotificationRepository": rows(app, "SELECT min(id) FROM notifications")[0][0],
        },
    }


COLUMNS = {
    "DeviceRegister.change": {"email": "other@example.org"},
    "ImageRepository.change": {"state": "gone"},
    "MailRepository.change": {"state": "gone"},
    "GroupRepository.change_episode": {"closed_at": 2**41},
    "MailboxEventRepository.change_episode": {"kind": "gone"},
    "OwnershipRepository.give": {},
}


class UndoneError(Exception):
    """Ends a transaction whose changes are not to stay."""


def difference(app, household_id, repository, name, values):
    """Return the tables whose rows of the household a way changes; nothing of that stays."""
    tables = [table for table in metadata.sorted_tables if "household_id" in table.columns]
    mine = [table.select().where(table.c.household_id == household_id) for table in tables]
    values = values | {"number": values["number_of"].get(repository.__name__)}
    found = []
    with suppress(UndoneError), app.database.write() as unit_of_work:
        before = [sorted(map(repr, unit_of_work.connection.execute(query))) for query in mine]
        more = [[]] * (len(inspect.signature(repository).parameters) - 1)
        changing = repository(unit_of_work, *more[:2])
        parameters = inspect.signature(getattr(repository, name)).parameters
        given = {
            key: values[key] for key in list(parameters)[1:] if parameters[key].kind != inspect.Parameter.VAR_KEYWORD
        }
        with suppress(NoResultFound, IntegrityError):
            getattr(changing, name)(**given, **COLUMNS.get(f"{repository.__name__}.{name}", {}))
        if hasattr(changing, "flush"):
            changing.flush()
        after = [sorted(map(repr, unit_of_work.connection.execute(query))) for query in mine]
        found = [table.name for table, old, new in zip(tables, before, after, strict=True) if old != new]
        raise UndoneError
    return found


def test_a_stranger_changes_nothing_that_the_household_can_change(full, changed):
    app, values = full
    strange = {name: with_stranger(value) for name, value in changed.items()} | {"household_id": STRANGER}
    for repository, name in changes():
        assert difference(app, values["household_id"], repository, name, changed), name
        assert difference(app, values["household_id"], repository, name, strange) == [], name
    assert len(changes()) > 25


def test_every_row_of_a_household_carries_it(full):
    app, values = full
    of_users = {"users", "login_links", "sessions", "households"}
    of_users |= {"identities", "token_families", "refresh_tokens", "revoked_tokens", "account_tokens", "buckets"}
    of_nobody = {"unclaimed_devices", "firmware_images", "installation"}
    for table in sorted(set(metadata.tables) - of_users - of_nobody):
        owners = rows(app, f"SELECT DISTINCT household_id FROM {table}")  # noqa: S608
        assert owners == [(values["household_id"],)], table
