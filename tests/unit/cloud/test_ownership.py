"""Devices that are nobody's yet: their codes, and what becomes of what they say."""

import secrets

import pytest

from cloud.accounts.service import ensure_household
from cloud.accounts.sharing.audit import Actor
from cloud.devices.ownership.model import ALPHABET, CODE_BYTES, claim_code, code_hash
from cloud.devices.ownership.service import claim, provision_unclaimed
from cloud.devices.repository import DeviceRepository
from cloud.errors import NotFoundError, RefusedError
from firmware.wire import codec, messages, topics
from tests.unit.cloud.messages import dlq, event, events, rows, say_bytes, say_events

MOST = 1000
CODE = claim_code(bytes(range(CODE_BYTES)))


def unclaimed(app, kind="board", code=CODE):
    """Return the name at the broker of a device that is nobody's."""
    with app.database.write() as unit_of_work:
        return provision_unclaimed(unit_of_work, app.authority, kind, code)[0]


def claimed(app, code=CODE, email="owner@example.org"):
    """Let a household claim; returns the device, and what it is told."""
    with app.database.write() as unit_of_work:
        by = Actor(ensure_household(unit_of_work, email, "Owner"), "::1")
        number, downlinks = claim(unit_of_work, by, code, "Drive", MOST)
        assert number > 0
        return DeviceRepository(unit_of_work).by_thing(downlinks[0].thing), downlinks


def say(app, thing, kind, message):
    return say_bytes(app, thing, kind, codec.encode(messages.BY_KIND[kind], message))


def test_a_code_is_four_groups_that_say_all_its_randomness():
    codes = {claim_code(secrets.token_bytes(CODE_BYTES)) for _ in range(200)}
    assert len(codes) == 200
    for one in codes:
        assert [len(group) for group in one.split("-")] == [4, 4, 4, 4]
        assert set(one) <= {*ALPHABET, "-"}
    assert claim_code(bytes(CODE_BYTES)) == "0000-0000-0000-0000"
    assert claim_code(b"\xff" * CODE_BYTES) == "ZZZZ-ZZZZ-ZZZZ-ZZZZ"


@pytest.mark.parametrize(
    "typed", ["1010-ABCD-0000-1111", "1o1o abcd oooo iill", "LOIOABCDOOOO1L1I", " 1010ABCD-00001111 "]
)
def test_a_code_may_be_typed_as_people_type(typed):
    assert code_hash(typed) == code_hash("1010-ABCD-0000-1111")


@pytest.mark.parametrize("typed", ["", "1010-ABCD-0000-111", "1010-ABCD-0000-11111", "U010-ABCD-0000-1111", "é" * 16])
def test_what_cannot_be_a_code_is_refused_with_its_form(typed):
    with pytest.raises(RefusedError, match="expected a claim code of 16 letters and digits"):
        code_hash(typed)


def test_neither_the_code_nor_a_household_is_kept_of_a_device_that_is_nobodys(app):
    thing = unclaimed(app)
    ((kept,),) = rows(app, "SELECT claim_hash FROM unclaimed_devices")
    assert kept == code_hash(CODE)
    assert rows(app, "SELECT thing, kind FROM unclaimed_devices") == [(thing, "board")]
    assert rows(app, "SELECT count(*) FROM devices") == [(0,)]


def test_what_it_says_before_is_neither_stored_nor_parked_nor_acknowledged_and_comes_again_after(app):
    thing = unclaimed(app)
    early = events(event("open", 1), event("close", 2))
    assert say(app, thing, topics.EVENTS, early) == []
    assert say(app, thing, topics.HEARTBEAT, {"fw": "1", "next_s": 60}) == []
    assert dlq(app) == []
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(0,)]
    device, downlinks = claimed(app)
    assert device.thing == thing
    assert "ack" not in downlinks[0].message
    (answer,) = say(app, thing, topics.EVENTS, early)
    assert answer.message["ack"]["seq"] == 2
    assert rows(app, "SELECT DISTINCT household_id FROM mailbox_events") == [(device.household_id,)]


def test_a_group_of_messages_is_taken_without_those_of_devices_that_are_nobodys(app, home):
    thing = unclaimed(app)
    say(app, thing, topics.EVENTS, events(event("open", 1)))
    say_events(app, home.board, event("open", 1))
    say(app, "board-of-nowhere", topics.EVENTS, events(event("open", 1)))
    assert rows(app, "SELECT device_id FROM mailbox_events") == [(home.board.id,)]
    assert [reason for _, reason in dlq(app)] == ["expected a message of a known device, got one of 'board-of-nowhere'"]


def test_a_code_is_good_for_one_household_once(app):
    thing = unclaimed(app)
    with pytest.raises(NotFoundError, match="nobody has claimed"):
        claimed(app, claim_code(b"\x01" * CODE_BYTES))
    device, _ = claimed(app)
    for email in ("owner@example.org", "other@example.org"):
        with pytest.raises(NotFoundError, match="nobody has claimed"):
            claimed(app, email=email)
    assert rows(app, "SELECT household_id, thing FROM devices") == [(device.household_id, thing)]
    assert rows(app, "SELECT count(*) FROM unclaimed_devices") == [(0,)]


def test_a_claimed_device_keeps_the_certificate_that_it_was_made_with(app):
    unclaimed(app, "gateway")
    ((serial,),) = rows(app, "SELECT certificate_serial FROM unclaimed_devices")
    device, _ = claimed(app)
    assert (device.kind, device.name) == ("gateway", "Gateway")
    assert rows(app, "SELECT certificate_serial FROM devices") == [(serial,)]


def test_a_device_of_an_unknown_kind_is_not_made(app):
    with pytest.raises(RefusedError, match="expected a device kind"):
        unclaimed(app, "toaster")
