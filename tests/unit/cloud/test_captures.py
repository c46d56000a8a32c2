"""What a gateway is asked to photograph: the oldest close that it has not answered."""

from cloud.devices.repository import DeviceRepository
from cloud.devices.service import provision
from firmware.wire import topics
from tests.conftest import make_home
from tests.unit.cloud.fakes import FakeMailer, FakeOcrEngine, drain, with_ports
from tests.unit.cloud.messages import announcement, event, photo, rows, say, say_events, wish_of


def close_id(seq):
    return event("close", seq)["event_id"]


def captured(downlinks, gateway):
    return wish_of(downlinks, gateway).get("capture", {}).get("event_id")


def wishes(downlinks, device):
    return [link for link in downlinks if link.thing == device.thing and link.kind == topics.DESIRED]


def add_gateway(app, home):
    with app.database.write() as unit_of_work:
        return provision(unit_of_work, app.authority, home.household_id, home.mailbox_id, "gateway")[0]


def test_a_close_asks_the_gateway_for_images(app, home):
    downlinks = say_events(app, home.board, event("open", 1), event("close", 2))
    capture = wish_of(downlinks, home.gateway)["capture"]
    assert (capture["event_id"], capture["kind"]) == (close_id(2), "close")


def test_an_opening_asks_nobody(app, home):
    assert not wishes(say_events(app, home.board, event("open", 1)), home.gateway)


def test_the_engine_starts_while_the_camera_is_at_it_and_for_nothing_else(app, home):
    engine = FakeOcrEngine()
    app = with_ports(app, ocr_engine=engine)
    say_events(app, home.board, event("open", 1))
    assert engine.announced == 0
    for _ in range(2):
        say_events(app, home.board, event("close", 2))
        assert engine.announced == 1


def test_closes_are_photographed_oldest_first_one_after_the_other(app, home):
    say_events(app, home.board, event("close", 2, occurred_at=None, age_ms=9000))
    later = say_events(app, home.board, event("close", 4, occurred_at=None, age_ms=5000))
    assert not wishes(later, home.gateway)
    answered = say(app, home.gateway, topics.IMAGES, announcement(event_id=close_id(2)))
    assert captured(answered, home.gateway) == close_id(4)
    answered = say(app, home.gateway, topics.IMAGES, announcement(event_id=close_id(4)))
    assert captured(answered, home.gateway) is None


def test_an_answer_out_of_turn_is_taken(app, home):
    say_events(app, home.board, event("close", 2, occurred_at=None, age_ms=9000), event("close", 4))
    answered = say(app, home.gateway, topics.IMAGES, announcement(event_id=close_id(4)))
    assert captured(answered, home.gateway) == close_id(2)


def test_a_new_revision_follows_every_answer(app, home):
    asked = wish_of(say_events(app, home.board, event("close", 2)), home.gateway)
    answered = wish_of(say(app, home.gateway, topics.IMAGES, announcement(event_id=close_id(2))), home.gateway)
    assert answered["rev"] > asked["rev"]


def test_a_new_gateway_takes_over_from_the_one_it_replaces(app, home):
    say_events(app, home.board, event("close", 2, occurred_at=None, age_ms=9000))
    newer = add_gateway(app, home)
    downlinks = say_events(app, home.board, event("open", 3), event("close", 4))
    assert captured(downlinks, newer) == close_id(2)
    assert captured(downlinks, home.gateway) is None


def test_a_new_gateway_is_not_asked_for_what_was_settled_before_it_came(app, home):
    impatient = with_ports(app, settle_ms=0, mailer=FakeMailer())
    for seq in (2, 4, 6):
        say_events(impatient, home.board, event("close", seq))
    drain(impatient)
    newer = add_gateway(app, home)
    downlinks = say_events(app, home.board, event("close", 8))
    assert captured(downlinks, newer) == close_id(8)


def test_a_gateway_that_comes_while_a_delivery_waits_is_asked_for_it(app, home):
    say_events(app, home.board, event("close", 2, occurred_at=None, age_ms=9000))
    newer = add_gateway(app, home)
    assert captured(say_events(app, home.board, event("close", 4)), newer) == close_id(2)


def test_a_board_without_a_gateway_is_acknowledged(app, home):
    with app.database.write() as unit_of_work:
        mailbox_id = unit_of_work.new_id()
        DeviceRepository(unit_of_work).add_mailbox(mailbox_id, home.household_id, "Gate")
        board, _ = provision(unit_of_work, app.authority, home.household_id, mailbox_id, "board")
    downlinks = say_events(app, board, event("open", 1), event("close", 2))
    assert [link.thing for link in downlinks] == [board.thing]
    assert wish_of(downlinks, board)["ack"]["seq"] == 2


def test_mailboxes_and_households_do_not_hear_of_each_other(app, home):
    other = make_home(app, "second@example.org")
    beside = make_home(app, "owner@example.org", "Gate")
    for board in (home.board, other.board, beside.board):
        downlinks = say_events(app, board, event("open", 1), event("close", 2))
        mine = {home.board: home, other.board: other, beside.board: beside}[board]
        assert {link.thing for link in downlinks} == {mine.board.thing, mine.gateway.thing}
    assert rows(app, "SELECT count(*), count(DISTINCT mailbox_id) FROM episodes") == [(3, 3)]
    assert rows(app, "SELECT count(DISTINCT household_id) FROM episodes") == [(2,)]


def test_an_answer_to_a_close_of_another_mailbox_leaves_it_alone(app, home):
    beside = make_home(app, "owner@example.org", "Gate")
    say_events(app, beside.board, event("open", 1), event("close", 2))
    say(app, home.gateway, topics.IMAGES, announcement(photo(), event_id=close_id(2)))
    episodes = rows(app, "SELECT mailbox_id, image_count FROM episodes ORDER BY id")
    assert episodes == [(beside.mailbox_id, None), (home.mailbox_id, 1)]
