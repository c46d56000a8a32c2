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
from tests.unit.cloud.messages import announcement, dlq, event, events, now, rows
from tests.waiting import PATIENCE_S

# The same for all that is compared; of what is a week old no camera is asked.
AN_HOUR_AGO = now() - 3_600_000


def in_groups(app, group):
    """Let the server take messages in one transaction, as after a pause of the database."""
    with app.database.write() as unit_of_work:
        return pipeline.take(app.ports, app.queue, unit_of_work, group)


def reports(*boards, seqs):
    """Return one message of each board for each event, openings and closings in turn, one board after the other."""
    kinds = {seq: "open" if seq % 2 else "close" for seq in seqs}
    return [
        DeviceMessage(board.thing, topics.EVENTS, codec.encode(messages.BY_KIND[topics.EVENTS], said), now())
        for board in boards
        for said in (events(event(kinds[seq], seq, occurred_at=AN_HOUR_AGO + seq)) for seq in seqs)
    ]


def stored(app):
    """Return what became of the reports, without ids and times of arrival."""
    found = rows(
        app,
        "SELECT e.seq, e.event_type, p.opened_at, p.closed_at, p.close_event_id, d.ack_seq"
        " FROM mailbox_events e JOIN episodes p ON p.id = e.episode_id JOIN devices d ON d.id = e.device_id"
        " ORDER BY d.thing, e.seq",
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
