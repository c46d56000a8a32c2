"""One wake after another on a virtual board, against a real broker: what moves at the door reaches the cloud once."""

import pytest

from firmware.wire.messages import MAX_AGE


@pytest.mark.parametrize("interpreter", ["micropython", "cpython"])
def test_an_opening_travels_from_the_pin_to_the_cloud_and_leaves_the_journal(
    interpreter, make_board, broker, cloud, micropython
):
    board = make_board(broker.port, micropython if interpreter == "micropython" else None)
    assert board.asleep()[1] == 0
    board.virtual.open_door()
    awake = board.until("awake")
    assert (awake.cause, awake.interpreter) == ("ext1", interpreter)
    assert board.asleep()[1] == 0
    assert [event["event_type"] for event in cloud.events] == ["boot", "open"]
    opened = cloud.events[-1]
    assert opened["seq"] == 2
    assert opened["event_id"] == f"{cloud.batches[-1]['install']}-1-2"
    assert opened["age_ms"] < 10000
    assert not any("lease not renewed" in line for line in board.log)


def test_a_closing_says_how_long_the_door_was_open(board, cloud):
    board.virtual.open_door()
    board.asleep()
    board.virtual.close_door()
    board.asleep()
    assert cloud.movements == ["open", "close"]
    assert 0 < cloud.events[-1]["dur_ms"] < 60000


def test_one_movement_of_a_bouncing_switch_is_one_event_and_one_message(board, cloud):
    before = len(cloud.batches)
    board.virtual.open_door()
    board.asleep()
    assert len(cloud.batches) == before + 1
    assert cloud.movements == ["open"]


def test_a_door_opened_and_closed_before_the_board_has_started_is_two_events(board, cloud):
    board.virtual.open_door()
    board.virtual.close_door()
    board.asleep()
    assert cloud.movements == ["open", "close"]


def test_a_door_that_moves_while_the_board_is_awake_is_noticed_before_it_sleeps(board, cloud):
    cloud.acknowledges = False
    board.virtual.open_door()
    board.until("log", "published 1")
    board.virtual.close_door()
    board.asleep()
    cloud.wait_for(lambda cloud: cloud.movements == ["open", "close"], "both movements")


def test_a_door_closed_and_opened_again_while_the_board_is_awake_is_three_events(board, cloud):
    cloud.acknowledges = False

    def swing(report):
        if "published 1" in report.text:
            board.virtual.close_door()
            # The board looks again when its wait for the cloud is over.
            board.virtual.open_door()

    board.on_report = swing
    board.virtual.open_door()
    board.asleep()
    cloud.wait_for(lambda cloud: cloud.movements == ["open", "close", "open"], "all three movements")


def test_without_a_broker_the_event_waits_and_arrives_once_later(board, broker, cloud):
    broker.stop()
    board.virtual.open_door()
    report, waiting = board.asleep()
    assert (report.sleep_ms, waiting) == (10000, 1)
    broker.start()
    cloud.is_back()
    board.virtual.close_door()
    assert board.asleep()[1] == 0
    assert cloud.movements == ["open", "close"]


@pytest.mark.parametrize("interpreter", ["micropython", "cpython"])
def test_a_broker_is_found_by_its_name(interpreter, make_board, broker, cloud, micropython):
    # Every C library takes this name for 127.0.0.1 without asking anybody.
    board = make_board(broker.port, micropython if interpreter == "micropython" else None, host="0x7f.1")
    assert board.asleep()[1] == 0
    assert [event["event_type"] for event in cloud.events] == ["boot"]


def test_a_broker_of_another_authority_gets_nothing(make_board, make_broker, authority, tmp_path, cloud_of):
    impostor = make_broker(type(authority)(tmp_path / "impostor"))
    impostor.start()
    board = make_board(impostor.port)
    assert board.asleep()[1] == 1
    assert any("UntrustedError" in line for line in board.log)
    impostor.stop()
    broker = make_broker(port=impostor.port)
    broker.start()
    cloud = cloud_of(broker)
    board.virtual.open_door()
    assert board.asleep()[1] == 0
    assert [event["event_type"] for event in cloud.events] == ["boot", "open"]


def test_an_event_on_flash_survives_a_power_cut_before_the_radio_is_on(board, broker, cloud):
    def cut(report):
        if "journaled open" in report.text:
            board.virtual.cut_power()

    broker.stop()
    board.on_report = cut
    board.virtual.open_door()
    board.until("off")
    board.on_report = None
    broker.start()
    cloud.is_back()
    board.virtual.restore_power()
    assert board.asleep()[1] == 0
    assert cloud.movements == ["open"]
    install, boot, _ = cloud.events[-1]["event_id"].split("-")
    assert (install, boot) == (cloud.batches[-1]["install"], "2")
    assert [event["event_id"].split("-")[1:] for event in cloud.events] == [["1", "1"], ["1", "2"], ["2", "1"]]


def test_events_of_two_boots_travel_in_two_messages_the_second_naming_the_first(board, broker, cloud):
    broker.stop()
    board.virtual.open_door()
    board.asleep()
    board.virtual.cut_power()
    broker.start()
    cloud.is_back()
    board.virtual.restore_power()
    assert board.asleep()[1] == 0
    first, second = cloud.batches[-2:]
    assert (first["boot"], second["boot"]) == (1, 2)
    assert second["after"] == {"install": first["install"], "boot": 1, "seq": 2}
    assert "after" not in first


def test_a_door_found_open_after_a_power_cut_is_an_event_with_its_uncertainty(board, cloud):
    board.virtual.open_door()
    board.asleep()
    board.virtual.cut_power()
    board.until("off")
    board.virtual.close_door()
    board.virtual.restore_power()
    assert board.asleep()[1] == 0
    assert cloud.movements == ["open", "close"]
    closed = next(event for event in cloud.events if event["event_type"] == "close")
    assert 0 < closed["err_ms"] < 3600000


def test_without_a_door_ever_seen_the_uncertainty_is_the_longest(make_board, broker, cloud):
    board = make_board(broker.port)
    board.asleep()
    board.virtual.cut_power()
    board.until("off")
    board.virtual.open_door()
    board.virtual.restore_power()
    board.asleep()
    assert cloud.events[-2]["event_type"] == "open"
    assert cloud.events[-2]["err_ms"] == MAX_AGE


def test_a_watermark_of_another_install_forgets_nothing(board, cloud):
    cloud.acknowledges = False
    cloud.wish(ack={"install": "0" * 16, "boot": 99, "seq": 99})
    board.virtual.open_door()
    assert board.asleep()[1] == 1


def test_what_the_broker_has_but_the_cloud_has_not_rides_with_the_next_natural_wake(board, cloud):
    cloud.acknowledges = False
    board.virtual.open_door()
    report, waiting = board.asleep()
    assert waiting == 1
    assert report.sleep_ms > 30000
    cloud.acknowledges = True
    board.virtual.close_door()
    assert board.asleep()[1] == 0
    assert [len(batch["events"]) for batch in cloud.batches] == [1, 1, 2]


def test_settings_that_the_cloud_wishes_for_are_adopted_and_the_others_refused_with_a_reason(board, cloud):
    cloud.wish(settings={"heartbeat_s": 600, "debounce_ms": 0, "colour": "red"})
    board.virtual.open_door()
    report, _ = board.asleep()
    cloud.wait_for(lambda cloud: len(cloud.heartbeats) == 2, "a second heartbeat")
    assert cloud.heartbeats[-1]["settings"]["heartbeat_s"] == 600
    assert cloud.heartbeats[-1]["next_s"] == 1500
    assert cloud.heartbeats[-1]["refused"] == {
        "debounce_ms": "expected a whole number from 1 to 500",
        "colour": "no such setting",
    }
    assert report.sleep_ms <= 300000


def test_an_older_revision_is_ignored(board, cloud):
    cloud.rev = 1_000_000
    cloud.wish(settings={"heartbeat_s": 600})
    board.virtual.open_door()
    board.asleep()
    cloud.acknowledges = False
    cloud.rev = 500_000
    cloud.wish(settings={"heartbeat_s": 700})
    board.virtual.close_door()
    board.asleep()
    assert len(cloud.heartbeats) == 2
