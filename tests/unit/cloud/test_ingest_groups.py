"""A group of messages in one transaction: the effect of its messages one by one, each board answered once."""

import json
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from cloud import bootstrap, pipeline
from cloud.ports.device_hub import DeviceMessage
from cloud.worker.lane import newest
from firmware.wire import codec, messages, topics
from tests.conftest import make_home
from tests.databases import MARIADB
from tests.unit.cloud.messages import INSTALL, OTHER_INSTALL, announcement, dlq, event, events, now, rows
from tests.unit.cloud.statements import heard
from tests.waiting import PATIENCE_S

# The same for all that is compared; of what is a week old no camera is asked.
AN_HOUR_AGO = now() - 3_600_000


def in_groups(app, group):
    """Let the server take messages in one transaction, as after a pause of the database."""
    with app.database.write() as unit_of_work:
        return pipeline.take(app.ports, app.queue, unit_of_work, group)


def reports(*boards, seqs, install=INSTALL):
    """Return one message of each board for each event, openings and closings in turn, one board after the other."""
    kinds = {seq: "open" if seq % 2 else "close" for seq in seqs}
    return [
        DeviceMessage(board.thing, topics.EVENTS, codec.encode(messages.BY_KIND[topics.EVENTS], said), now())
        for board in boards
        for said in (
            events(event(kinds[seq], seq, install=install, occurred_at=AN_HOUR_AGO + seq), install=install)
            for seq in seqs
        )
    ]


def stored(app):
    """Return what became of the reports, without ids and times of arrival."""
    found = rows(
        app,
        "SELECT e.seq, e.event_type, p.opened_at, p.closed_at, p.close_event_id, d.ack_seq"
        " FROM mailbox_events e JOIN episodes p ON p.id = e.episode_id JOIN devices d ON d.id = e.device_id"
        " ORDER BY d.thing, e.seq, e.event_id",
    )
    return found, rows(app, "SELECT stage, event, count(*) FROM jobs GROUP BY stage, event")


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5, 6), (2, 1, 3, 6, 5, 4), (6, 5, 4, 3, 2, 1), (1, 3, 2, 2, 5, 6)])
def test_a_group_has_the_effect_of_its_messages_one_by_one(app, home, order):
    other = make_home(app, "second@example.org")
    boards = (home.board, other.board)
    together, alone = boards
    in_groups(app, reports(together, seqs=order))
    for one in reports(alone, seqs=order):
        in_groups(app, [one])
    found, _ = stored(app)
    half = len(found) // 2
    assert found[:half] == found[half:]
    assert len(found) == 2 * len(set(order))


def test_a_group_of_many_boards_answers_each_board_once(app, home):
    other = make_home(app, "second@example.org")
    downlinks = in_groups(app, reports(home.board, other.board, home.board, seqs=(1, 2, 3, 4)))
    boards = [link for link in downlinks if link.thing in (home.board.thing, other.board.thing)]
    assert sorted(link.thing for link in boards) == sorted((home.board.thing, other.board.thing))
    assert {link.message["ack"]["seq"] for link in boards} == {4}
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(8,)]
    assert {link.thing for link in newest(downlinks)} >= {home.gateway.thing, other.gateway.thing}


def asked_of_journals(app, group):
    """Take a group and return the statements about events; each gateway is asked for on its own."""
    asked = []
    with app.database.write() as unit_of_work, heard(unit_of_work.connection, asked.append):
        pipeline.take(app.ports, app.queue, unit_of_work, group)
    return [statement for statement in asked if "mailbox_events" in statement]


@pytest.mark.parametrize("seqs", [(1, 2), (5, 6)], ids=["from the first event", "in mid-journal"])
def test_a_group_of_boards_that_were_formatted_asks_no_more_than_one_of_them(app, home, seqs):
    boards = [home.board, *(make_home(app, f"{number}@example.org").board for number in range(4))]
    in_groups(app, reports(*boards, seqs=(1, 2)))
    alone = asked_of_journals(app, reports(boards[0], seqs=seqs, install=OTHER_INSTALL))
    together = asked_of_journals(app, reports(*boards[1:], seqs=seqs, install=OTHER_INSTALL))
    assert len(together) == len(alone) >= 4
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(20,)]


@pytest.mark.parametrize("order", [(INSTALL, OTHER_INSTALL), (OTHER_INSTALL, INSTALL)])
def test_a_group_with_two_installs_of_a_board_has_the_effect_of_its_messages_one_by_one(app, home, order):
    """It was formatted, and a message from before comes late; the door of the first was open then."""
    other = make_home(app, "second@example.org")
    seqs = {INSTALL: (2, 3, 5), OTHER_INSTALL: (1, 2, 4)}
    for board in (home.board, other.board):
        in_groups(app, reports(board, seqs=(1,)))
        later = [one for install in order for one in reports(board, seqs=seqs[install], install=install)]
        for group in [later] if board is home.board else [[one] for one in later]:
            in_groups(app, group)
    found, _ = stored(app)
    assert len(found) == 14
    assert found[:7] == found[7:]
    gaps = rows(app, "SELECT device_id, install, boot, first_seq, last_seq FROM event_gaps WHERE closed_at IS NULL")
    for board in (home.board, other.board):
        its = sorted(gap[1:] for gap in gaps if gap[0] == board.id)
        assert its == [(OTHER_INSTALL, 1, 3, 3), (INSTALL, 1, 4, 4)]


def test_what_cannot_be_read_and_what_nobody_knows_is_parked_out_of_its_group(app, home):
    good = reports(home.board, seqs=(1, 2))
    bad = DeviceMessage(home.board.thing, topics.EVENTS, b"{", now())
    strange = DeviceMessage("board-strange", topics.EVENTS, good[0].payload, now())
    in_groups(app, [good[0], bad, strange, good[1]])
    assert rows(app, "SELECT count(*) FROM mailbox_events") == [(2,)]
    assert len(dlq(app)) == 2


@pytest.mark.parametrize("dialect", [MARIADB], indirect=True)
def test_a_gateway_that_answers_at_that_moment_is_asked_for_the_letter_that_comes(app, home):
    """The board is stored in one lane while the other takes what its mailbox's gateway says of the letter before."""
    in_groups(app, reports(home.board, seqs=(1, 2)))
    other = bootstrap.open_database(app.settings)
    said = codec.encode(messages.BY_KIND[topics.IMAGES], announcement(event_id=event("close", 2)["event_id"]))

    def answer():
        with other.write() as unit_of_work:
            message = DeviceMessage(home.gateway.thing, topics.IMAGES, said, now())
            pipeline.take(app.ports, app.queue, unit_of_work, [message])

    with ThreadPoolExecutor() as pool:
        with app.database.write() as unit_of_work:
            pipeline.take(app.ports, app.queue, unit_of_work, reports(home.board, seqs=(3, 4)))
            answered = pool.submit(answer)
            wait([answered], 1)  # so that it is done if nothing holds it up
        answered.result(PATIENCE_S)
    ((wish,),) = rows(app, "SELECT capture FROM devices WHERE kind = 'gateway'")
    assert json.loads(wish)["event_id"] == event("close", 4)["event_id"]
    other.close()
