"""Lists and overviews of devices: by pages, of a household that has many, at the price of one."""

import re

import pytest
from sqlalchemy import Engine

from cloud.accounts.model import User
from cloud.accounts.repository import AccountRepository
from cloud.devices.lists.repository import DeviceLists
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.http_tables import image_numbers
from cloud.images.repository import ImageRepository
from cloud.mailbox_events.repository import NEWEST, MailboxEventRepository
from cloud.ports.insert_many import insert_many
from cloud.tables import images, mailbox_events
from tests.unit.cloud.api.conftest import post_event, post_image, post_notification
from tests.unit.cloud.api.test_device_endpoints import number_of
from tests.unit.cloud.messages import INSTALL, event, jpeg, rows, say_events
from tests.unit.cloud.statements import heard

MANY = 3000
OF_DEVICES = re.compile(r"\b(devices|device_settings|mailbox_events|images|image_numbers|notifications)\b")


def registered(client, *names, **fields):
    """Return the numbers of new devices of these names."""
    return [client.post("/devices", json={"name": name} | fields).json()["id"] for name in names]


def pages(client, path):
    """Return every page of a list, as the answers tell the next."""
    found = [client.get(path)]
    while "link" in found[-1].headers:
        found.append(client.get(re.match("<(.*)>", found[-1].headers["link"])[1]))
    return [page.json() for page in found]


def numbers(devices):
    return [one["id"] for one in devices]


def test_the_list_comes_in_pages_newest_first_and_says_where_the_next_is(owner):
    made = registered(owner, *"abcde")[::-1]
    assert [numbers(page) for page in pages(owner, "/devices?limit=2")] == [made[:2], made[2:4], made[4:]]
    first = owner.get("/devices?limit=2")
    assert first.headers["x-next-cursor"] == f"0.{made[1]}"
    owner.delete(f"/devices/{made[1]}")
    registered(owner, "new")
    after = owner.get(f"/devices?limit=2&cursor={first.headers['x-next-cursor']}").json()
    assert numbers(after) == made[2:4]


def test_without_a_limit_a_page_has_a_hundred(owner):
    made = registered(owner, *map(str, range(101)))[::-1]
    assert [numbers(page) for page in pages(owner, "/devices")] == [made[:100], made[100:]]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "cursor=x", "cursor=1.1%0d%0aA:b"])
def test_a_page_that_cannot_be_is_refused(owner, query):
    assert owner.get(f"/devices?{query}").status_code == 422
    assert owner.get(f"/dashboard/me?{query}").status_code == 422
    assert owner.get(f"/claim-codes?{query}").status_code == 422


def test_filters_leave_whole_pages(owner):
    mine = registered(owner, "Door", "Gate", "Door", clerk_id="user_1")
    registered(owner, "Gate", "door", "Door", clerk_id="user_2")
    assert [numbers(page) for page in pages(owner, "/devices?limit=2&clerk_id=user_1")] == [mine[:0:-1], mine[:1]]
    assert [numbers(page) for page in pages(owner, "/devices?limit=1&clerk_id=user_1&name=Door")] == [
        [mine[2]],
        [mine[0]],
        [],
    ]
    for other in ("DOOR", "Doo", "Door ", "%25"):
        assert owner.get(f"/devices?name={other}").json() == []


def test_who_has_a_name_elsewhere_is_meant_by_it_too(app, owner, home):
    me = owner.get("/auth/me").json()["id"]
    with app.database.write() as unit_of_work:
        AccountRepository(unit_of_work).add_identity("https://clerk.example", "user_7", me, 1)
    own = registered(owner, "a", clerk_id=me) + registered(owner, "b", clerk_id="user_7")
    registered(owner, "c", clerk_id="user_8")
    provisioned = [number_of(app, device) for device in (home.board, home.gateway)]
    for name in (me, "user_7"):
        assert numbers(owner.get(f"/devices?clerk_id={name}").json()) == (provisioned + own)[::-1]
        assert numbers(owner.get(f"/dashboard/{name}").json()["devices"]) == (provisioned + own)[::-1]


def test_of_several_devices_of_a_name_the_newest_that_is_in_use_is_found(app, owner, home):
    first, second, third = registered(owner, "Door", "Door", "Door")
    owner.delete(f"/devices/{third}")
    assert owner.get("/device/lookup?device_name=Door").json()["device_id"] == second
    board = number_of(app, home.board)
    assert owner.get(f"/device/lookup?serial_id={home.board.thing}").json()["device_id"] == board
    assert owner.get("/device/lookup?serial_id=Board").json()["device_id"] == board
    (namesake,) = registered(owner, home.board.thing)
    assert owner.get(f"/device/lookup?serial_id={home.board.thing}").json()["device_id"] == namesake
    owner.delete(f"/devices/{second}")
    assert owner.get("/device/lookup?device_name=Door").json()["device_id"] == first


def test_devices_that_wait_for_their_household_come_in_pages_oldest_first(app, owner, stranger):
    household_id = owner.get("/households").json()[0]["id"]
    with app.database.write() as unit_of_work:
        codes = [claim_code(bytes([number] * CODE_BYTES)) for number in range(5)]
        made = [provision_unclaimed(unit_of_work, app.authority, "board", code, household_id) for code in codes]
    things = [thing for thing, _ in made]
    found = pages(owner, "/claim-codes?limit=2")
    assert [[one["thing"] for one in page] for page in found] == [things[:2], things[2:4], things[4:]]
    assert stranger.get("/claim-codes").json() == []


def fill(client, device, openings=NEWEST + 2):
    """Let a device have some of everything."""
    for number in range(openings):
        post_event(client, device, ("open", "close")[number % 2])
    for shade in (device % 100, 100 + device % 100):
        post_image(client, device, jpeg(shade))
    post_notification(client, device)


def asked(client, path):
    """Return what is answered, and how many statements about devices and what they brought were asked for it."""
    statements = []
    with heard(Engine, statements.append):
        answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json(), sum(bool(OF_DEVICES.search(statement)) for statement in statements)


def test_a_dashboard_asks_as_much_for_thirty_devices_as_for_one(owner):
    me = owner.get("/auth/me").json()["id"]
    (first,) = registered(owner, "first")
    fill(owner, first)
    alone, for_one = asked(owner, f"/dashboard/{me}")
    assert (len(alone["recent_events"]), len(alone["recent_images"]), alone["notification_count"]) == (NEWEST, 1, 1)
    others = registered(owner, *map(str, range(29)))
    for device in others:
        fill(owner, device)
    shown, for_thirty = asked(owner, f"/dashboard/{me}")
    assert for_one == for_thirty <= 6
    assert numbers(shown["devices"]) == [first, *others][::-1]
    assert (len(shown["recent_images"]), shown["notification_count"]) == (30, 30)
    for device in (first, *others):
        of_device = [one["id"] for one in shown["recent_events"] if one["device_id"] == device]
        assert of_device == numbers(owner.get(f"/mailbox/events?device_id={device}&limit={NEWEST}").json())
        newest = owner.get(f"/mailbox/images?device_id={device}&limit=1").json()
        assert [one for one in shown["recent_images"] if one["device_id"] == device] == newest
    assert shown["recent_events"] == sorted(
        shown["recent_events"], key=lambda one: (one["occurred_at"], one["id"]), reverse=True
    )


def test_a_dashboard_has_pages_of_devices_with_what_is_theirs(owner):
    me = owner.get("/auth/me").json()["id"]
    made = registered(owner, *"abc")[::-1]
    for device in made:
        fill(owner, device, openings=2)
    found = pages(owner, f"/dashboard/{me}?limit=2")
    assert [numbers(page["devices"]) for page in found] == [made[:2], made[2:]]
    for page in found:
        own = set(numbers(page["devices"]))
        assert {one["device_id"] for one in page["recent_events"]} == own
        assert {one["device_id"] for one in page["recent_images"]} == own
        assert page["notification_count"] == len(own)


def test_of_images_those_without_bytes_are_on_no_overview(app, owner, home):
    """Announced, or granted, they are no images yet."""
    number = number_of(app, home.gateway)
    post_image(owner, number)
    (shown,) = owner.get(f"/mailbox/images?device_id={number}").json()
    with app.database.write() as unit_of_work:
        sql = (
            "INSERT INTO images (id, household_id, device_id, image_id, sha256, bytes, state, created_at) "
            f"SELECT 'waits', household_id, device_id, 'waits', sha256, 1, 'waiting', 1 FROM images"  # noqa: F541
        )
        unit_of_work.connection.exec_driver_sql(sql)
        unit_of_work.connection.exec_driver_sql(
            "INSERT INTO image_numbers (household_id, image_id, device_id) "
            "SELECT household_id, 'waits', device_id FROM image_numbers"
        )
    assert owner.get(f"/devices/{number}/summary").json()["latest_image"] == shown
    me = owner.get("/auth/me").json()["id"]
    assert owner.get(f"/dashboard/{me}").json()["recent_images"] == [shown]


def add_events(app, device, count):
    """Let a device have so many openings and closings more."""
    own = {"household_id": device.household_id, "device_id": device.id, "install": INSTALL, "boot": 99, "err_ms": 0}
    own |= {"received_at": 1, "dur_ms": None, "episode_id": None}
    made = [
        own | {"event_id": f"old {seq}", "event_type": ("open", "close")[seq % 2], "seq": seq, "occurred_at": seq}
        for seq in range(count)
    ]
    with app.database.write() as unit_of_work:
        insert_many(unit_of_work.connection, mailbox_events, made)


def add_images(app, device, count):
    """Let a device have so many images more."""
    own = {"household_id": device.household_id, "device_id": device.id}
    known = {"sha256": "0" * 64, "bytes": 1, "state": "read", "captured_at": 1, "uploaded_at": 1, "created_at": 1}
    names = [f"image {number}" for number in range(count)]
    with app.database.write() as unit_of_work:
        insert_many(unit_of_work.connection, images, [own | known | {"id": name, "image_id": name} for name in names])
        insert_many(unit_of_work.connection, image_numbers, [own | {"image_id": name} for name in names])


def effort(app, ask):
    """Return how much the database does to answer: SQLite's steps in hundreds, the rows that MySQL reads."""
    with app.database.read() as unit_of_work:
        connection = unit_of_work.connection
        if connection.dialect.name == "sqlite":
            steps = []
            driver = connection.connection.driver_connection
            driver.set_progress_handler(lambda: steps.append(1), 100)
            ask(unit_of_work)
            driver.set_progress_handler(None, 0)
            return len(steps)
        connection.exec_driver_sql("FLUSH STATUS")
        ask(unit_of_work)
        read = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
        return sum(int(value) for _, value in read)


def test_what_is_newest_costs_no_more_where_there_is_much(app, home):
    def ask(unit_of_work):
        ids = [home.board.id, home.gateway.id]
        assert len(MailboxEventRepository(unit_of_work).newest_of(home.household_id, ids)) == NEWEST
        assert len(ImageRepository(unit_of_work).newest_of(home.household_id, ids)) == 1

    add_events(app, home.board, NEWEST + 1)
    add_images(app, home.gateway, 1)
    few = effort(app, ask)
    with app.database.write() as unit_of_work:
        for table in (mailbox_events, image_numbers, images):
            unit_of_work.connection.execute(table.delete())
    add_events(app, home.board, MANY)
    add_images(app, home.gateway, MANY)
    assert effort(app, ask) < few + MANY / 100


def test_a_device_is_found_by_its_name_however_many_there_are_and_were(app, owner, home):
    def ask(unit_of_work):
        assert DeviceLists(unit_of_work).called(home.household_id, "Board").device.id == home.board.id

    few = effort(app, ask)
    for number in registered(owner, *map(str, range(200))):
        owner.delete(f"/devices/{number}")
    registered(owner, *map(str, range(100)))
    assert effort(app, ask) < few + 50


def test_what_may_be_missing_of_a_device_is_no_other_devices(app, owner, home):
    say_events(app, home.board, event("open", 1))
    say_events(app, home.board, event("open", 5))
    board, gateway = (owner.get(f"/devices/{number_of(app, one)}/summary").json() for one in (home.board, home.gateway))
    assert (len(board["missing"]), gateway["missing"]) == (1, [])

    assert rows(app, "SELECT count(*) FROM event_gaps") == [(1,)]


def test_a_person_of_many_names_is_one(app, owner):
    """Another's name, be it of the same household, is not theirs."""
    me = owner.get("/auth/me").json()["id"]
    (device,) = registered(owner, "Drive", clerk_id=me)
    with app.database.write() as unit_of_work:
        user = User(unit_of_work.new_id(), "kim@example.org", "Kim")
        AccountRepository(unit_of_work).add_user(user, 1)
        AccountRepository(unit_of_work).add_member(owner.get("/households").json()[0]["id"], user.id, "member")
    assert owner.get(f"/devices?clerk_id={user.id}").json() == []
    assert numbers(owner.get(f"/devices?clerk_id={me}").json()) == [device]
