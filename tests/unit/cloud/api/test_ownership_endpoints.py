"""Claiming a device and handing one over, over HTTP."""

import pytest

from cloud.accounts.repository import AccountRepository
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.web.app import create_app
from firmware.wire import topics
from tests.conftest import make_home
from tests.unit.cloud.api.conftest import logged_in, with_role
from tests.unit.cloud.api.test_device_endpoints import number_of
from tests.unit.cloud.fakes import FakeMailer, drain, with_ports
from tests.unit.cloud.messages import event, rows, say, say_events, wish_of
from tests.unit.cloud.test_ownership import CODE, unclaimed


@pytest.fixture
def told():
    """Everything that devices were told."""
    return []


@pytest.fixture
def web(app, told):
    return create_app(app, told.append)


def claim(client, code=CODE, **options):
    return client.post("/devices/claim", json={"code": code, "mailbox": "Gate"}, **options)


def test_a_household_claims_a_device_by_its_code(app, owner, told):
    thing = unclaimed(app)
    number = claim(owner).json()["id"]
    found = owner.get(f"/devices/{number}").json()
    me = owner.get("/auth/me").json()
    assert (found["thing"], found["is_provisioned"], found["kind"]) == (thing, True, "board")
    assert (found["email"], found["clerk_id"]) == (me["email"], me["id"])
    assert rows(app, "SELECT name FROM mailboxes") == [("Gate",)]
    assert [(link.thing, link.kind) for link in told] == [(thing, topics.DESIRED)]
    assert [one["action"] for one in owner.get("/audit-log").json()] == ["device claimed"]


def test_who_comes_later_learns_nothing(app, owner, stranger):
    unclaimed(app)
    assert claim(owner).status_code == 200
    used, made_up = claim(stranger), claim(stranger, claim_code(b"\x07" * CODE_BYTES))
    assert (used.status_code, used.json()) == (404, made_up.json())
    assert stranger.get("/devices").json() == []
    assert len(owner.get("/devices").json()) == 1


def test_a_claim_that_is_sent_again_is_answered_again(app, owner):
    unclaimed(app)
    first, again = (claim(owner, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json() == again.json()
    assert len(owner.get("/devices").json()) == 1


def test_guessing_ends_before_it_begins_and_a_right_code_does_not_count(app, owner):
    for number in range(12):
        unclaimed(app, code=claim_code(bytes([number] * CODE_BYTES)))
        assert claim(owner, claim_code(bytes([number] * CODE_BYTES))).status_code == 200
    answers = [claim(owner, claim_code(bytes([99, number] * 5))) for number in range(12)]
    assert {one.status_code for one in answers[:10]} == {404}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 60
    unclaimed(app)
    assert claim(owner).status_code == 429


@pytest.mark.parametrize("code", ["", "x", "0" * 41, "U" * 16, "%' OR 1=1"])
def test_what_is_no_code_is_refused_as_such(owner, code):
    assert claim(owner, code).status_code == 422


def test_only_owners_claim(app, web, owner):
    unclaimed(app)
    assert owner.get("/devices").status_code == 200
    for role in ("viewer", "member"):
        assert claim(with_role(app, web, role)).status_code == 403
    assert rows(app, "SELECT count(*) FROM unclaimed_devices") == [(1,)]


@pytest.fixture
def other(app):
    """Another household."""
    return make_home(app, "other@example.org", "Mountain hut")


@pytest.fixture
def user_id(app, home):
    return rows(app, f"SELECT user_id FROM memberships WHERE household_id = '{home.household_id}'")[0][0]  # noqa: S608


@pytest.fixture
def mover(app, web, home, user_id):
    """The owner of the household with a board and a gateway."""
    assert home
    return logged_in(app, web, user_id)


def join(app, user_id, household_id, role="owner"):
    with app.database.write() as unit_of_work:
        AccountRepository(unit_of_work).add_member(household_id, user_id, role)


def move(client, number, household_id, **fields):
    return client.post(f"/devices/{number}/move", json={"household_id": household_id} | fields)


def test_a_device_goes_to_another_household_and_its_history_stays(app, mover, home, other, user_id, told):
    say_events(app, home.board, event("open", 1), event("close", 2))
    join(app, user_id, other.household_id)
    old = number_of(app, home.board)
    mover.put(f"/devices/{old}/settings", json={"board": {"debounce_ms": 40}, "mail_removed_notify": False})
    new = move(mover, old, other.household_id, mailbox="Mountain hut").json()["id"]
    assert new != old
    assert mover.get(f"/devices/{old}").status_code == 404
    there = {"x-household": other.household_id}
    assert mover.get(f"/devices/{old}", headers=there).status_code == 404
    moved = mover.get(f"/devices/{new}", headers=there).json()
    assert (moved["thing"], moved["mailbox_id"], moved["mail_removed_notify"]) == (
        home.board.thing,
        other.mailbox_id,
        False,
    )
    wish = wish_of(told, home.board)
    assert (wish["ack"]["seq"], wish["settings"]) == (2, {"debounce_ms": 40})
    say_events(app, home.board, event("close", 2), event("open", 3), event("close", 4))
    owners = "SELECT seq, household_id FROM mailbox_events ORDER BY seq"
    assert rows(app, owners) == [
        (1, home.household_id),
        (2, home.household_id),
        (3, other.household_id),
        (4, other.household_id),
    ]
    shown = mover.get(f"/mailbox/events?device_id={new}", headers=there).json()
    assert len(shown) == 2
    kinds = "SELECT household_id, mailbox_id FROM episodes ORDER BY id"
    assert rows(app, kinds) == [(home.household_id, home.mailbox_id), (other.household_id, other.mailbox_id)]


def test_a_device_that_is_handed_over_again_by_the_same_request_goes_once(app, mover, home, other, user_id, told):
    join(app, user_id, other.household_id)
    old, body = number_of(app, home.board), {"household_id": other.household_id}
    headers = {"Idempotency-Key": "k"}
    first, again = (mover.post(f"/devices/{old}/move", json=body, headers=headers) for _ in range(2))
    assert (again.status_code, again.json()) == (200, first.json())
    assert len([link for link in told if link.thing == home.board.thing]) == 1
    assert mover.post(f"/devices/{old}/move", json=body).status_code == 404


def test_an_event_that_was_overtaken_by_the_move_touches_nothing_of_the_old_household(app, mover, home, other, user_id):
    say_events(app, home.board, event("close", 2))
    before = rows(app, "SELECT * FROM episodes")
    join(app, user_id, other.household_id)
    move(mover, number_of(app, home.board), other.household_id)
    say_events(app, home.board, event("open", 1))
    late = "SELECT household_id, episode_id FROM mailbox_events WHERE seq = 1"
    ((household_id, episode_id),) = rows(app, late)
    assert household_id == other.household_id
    assert episode_id != before[0][0]
    assert [row for row in rows(app, "SELECT * FROM episodes") if row[0] == before[0][0]] == before


def test_both_households_find_the_move_in_their_audit_log(app, mover, home, other, user_id):
    join(app, user_id, other.household_id)
    move(mover, number_of(app, home.board), other.household_id)
    assert mover.get("/audit-log").json()[0]["action"] == "device given away"
    log = mover.get("/audit-log", headers={"x-household": other.household_id}).json()
    assert [one["action"] for one in log] == ["device received"]


def test_a_gateway_takes_no_wish_for_a_photograph_along(app, mover, home, other, user_id, told):
    say_events(app, home.board, event("open", 1), event("close", 2))
    assert rows(app, "SELECT count(*) FROM devices WHERE capture IS NOT NULL") == [(1,)]
    join(app, user_id, other.household_id)
    move(mover, number_of(app, home.gateway), other.household_id)
    assert "capture" not in wish_of(told, home.gateway)
    say(app, home.gateway, topics.STATUS, {"online": True})
    assert rows(app, "SELECT count(*) FROM devices WHERE capture IS NOT NULL") == [(0,)]


def test_who_is_not_owner_there_moves_nothing(app, mover, home, other, user_id):
    before, number = rows(app, "SELECT * FROM devices"), number_of(app, home.board)
    assert move(mover, number, other.household_id).status_code == 404
    join(app, user_id, other.household_id, "member")
    assert move(mover, number, other.household_id).status_code == 403
    assert rows(app, "SELECT * FROM devices") == before


def test_a_device_does_not_move_to_where_it_is_nor_from_where_it_is_not(app, mover, stranger, home, other):
    number = number_of(app, home.board)
    assert move(mover, number, home.household_id).status_code == 409
    assert move(mover, number, "nowhere").status_code == 404
    assert move(stranger, number, other.household_id).status_code == 404
    assert move(mover, number_of(app, other.board), other.household_id).status_code == 404


def test_an_api_key_moves_nothing(app, mover, nobody, home, other):
    key = mover.post("/api-keys", json={"name": "program", "scopes": ["manage"]}).json()["key"]
    body = {"household_id": other.household_id}
    answer = nobody.post(f"/devices/{number_of(app, home.board)}/move", json=body, headers={"x-api-key": key})
    assert answer.status_code == 403


def test_what_was_open_when_the_board_went_ends_where_it_began_and_what_follows_is_the_new_households(
    app, mover, home, other, user_id
):
    app = with_ports(app, mailer=FakeMailer(), settle_ms=0)
    say_events(app, home.board, event("open", 1), event("still_open", 2))
    drain(app)
    join(app, user_id, other.household_id)
    move(mover, number_of(app, home.board), other.household_id)
    say_events(app, home.board, event("close", 3))
    assert drain(app).count("settle_episode") == 2
    say_events(app, home.board, event("open", 4), event("close", 5))
    drain(app)
    found = rows(app, "SELECT household_id, kind, opened_at IS NULL, close_event_id FROM episodes ORDER BY id")
    closes = [event("close", seq)["event_id"] for seq in (3, 5)]
    here, there = home.household_id, other.household_id
    assert found == [(here, "left_open", 0, None), (there, "delivery", 1, closes[0]), (there, "delivery", 0, closes[1])]
    assert rows(app, "SELECT count(*) FROM episodes WHERE closed_at IS NULL OR settled_at IS NULL") == [(0,)]
    told = rows(app, "SELECT household_id FROM mail_outbox WHERE recipient = 'owner@example.org' ORDER BY id")
    assert told == [(here,), (there,), (there,)]


def test_what_was_closed_before_the_board_went_is_left_as_it_was(app, mover, home, other, user_id):
    say_events(app, home.board, event("open", 1), event("close", 2))
    before = rows(app, "SELECT * FROM episodes")
    join(app, user_id, other.household_id)
    move(mover, number_of(app, home.board), other.household_id)
    assert drain(app) == ["end_episodes"]
    assert rows(app, "SELECT * FROM episodes") == before


def issued_by(app, client, code=CODE):
    """Return the name at the broker of a device whose codes the client's household gives out."""
    household_id = client.get("/households").json()[0]["id"]
    with app.database.write() as unit_of_work:
        return provision_unclaimed(unit_of_work, app.authority, "board", code, household_id)[0]


def test_who_gives_out_codes_sees_which_wait_and_no_code(app, owner, stranger):
    unclaimed(app, code=claim_code(b"\x01" * CODE_BYTES))
    thing = issued_by(app, owner)
    (waiting,) = owner.get("/claim-codes").json()
    assert (waiting["thing"], waiting["kind"]) == (thing, "board")
    assert waiting["issued_at"] == waiting["provisioned_at"]
    assert set(waiting) == {"thing", "kind", "provisioned_at", "issued_at"}
    assert stranger.get("/claim-codes").json() == []
    assert claim(stranger).status_code == 200
    assert owner.get("/claim-codes").json() == []


def test_another_code_ends_the_one_before_and_is_in_the_audit_log(app, owner, stranger):
    thing = issued_by(app, owner)
    issued = owner.post(f"/claim-codes/{thing}").json()
    assert issued["thing"] == thing
    assert issued["code"] not in str(rows(app, "SELECT * FROM unclaimed_devices"))
    assert claim(stranger).status_code == 404
    assert claim(stranger, issued["code"]).status_code == 200
    assert [(one["action"], one["subject"]) for one in owner.get("/audit-log").json()] == [("claim code issued", thing)]
    assert owner.post(f"/claim-codes/{thing}").status_code == 404


def test_nobody_else_makes_a_code(app, web, owner, stranger):
    thing, operators = issued_by(app, owner), unclaimed(app, code=claim_code(b"\x01" * CODE_BYTES))
    assert stranger.post(f"/claim-codes/{thing}").status_code == 404
    for name in (operators, "board-of-nowhere", "%00", "' OR 1=1"):
        assert owner.post(f"/claim-codes/{name}").status_code == 404
    for role in ("viewer", "member"):
        assert with_role(app, web, role).post(f"/claim-codes/{thing}").status_code == 403
    assert claim(stranger).status_code == 200
