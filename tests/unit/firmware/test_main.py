"""One wake after another on a board of plain Python: what is journaled, sent, kept, and when the board wakes next."""

import json

import pytest

from firmware.errors import RefusedError, UnreachableError, UntrustedError
from firmware.main import MOST_ROUNDS, RETRY_S, Wake
from firmware.wire.messages import MAX_AGE

HOUR_MS = 3_600_000
BEAT_S = 21600


def waiting(board):
    return int(board.lines[-1].split()[-2])


def test_a_first_start_reports_itself_and_beats_once(wake, fake_board, fake_uplink):
    sleep_ms, wake_when_open = wake()
    assert BEAT_S * 990 < sleep_ms <= BEAT_S * 1000
    assert wake_when_open
    assert fake_uplink.kinds == ["boot"]
    assert len(fake_uplink.heartbeats) == 1
    assert fake_uplink.heartbeats[0]["next_s"] == BEAT_S * 5 // 2
    assert fake_uplink.heartbeats[0]["uptime_s"] < 5
    assert waiting(fake_board) == 0


def test_an_opening_is_sent_alone_and_the_board_waits_for_the_closing(wake, fake_board, fake_uplink):
    wake()
    sleep_ms, wake_when_open = wake(position=True)
    assert fake_uplink.kinds == ["boot", "open"]
    assert not wake_when_open
    assert len(fake_uplink.heartbeats) == 1
    assert sleep_ms <= 300_000
    assert fake_board.fed == 2


def test_a_switch_that_bounces_is_looked_at_until_it_rests(wake, fake_uplink):
    wake()
    wake(script=[True, False, True, False, True, True])
    assert fake_uplink.kinds == ["boot", "open"]


def test_a_switch_that_never_rests_is_believed_after_a_while(wake, fake_board, fake_uplink):
    wake()
    wake(script=[True, False] * 2000 + [True])
    assert fake_uplink.kinds[:2] == ["boot", "open"]
    assert fake_board.slept is not None


def test_an_opening_shorter_than_the_start_is_both_events(wake, fake_uplink):
    wake()
    wake(position=False)
    assert fake_uplink.kinds == ["boot", "open", "close"]
    assert fake_uplink.events[-1]["dur_ms"] < 100


def test_the_time_awake_before_the_first_look_belongs_to_the_age(wake, fake_board, fake_uplink):
    wake()
    fake_board.wake("door", 1000)
    fake_board.position = True
    fake_board.pass_ms(400)  # an ESP32 boots as long as this
    Wake(fake_board, fake_uplink).run()
    assert fake_uplink.events[1]["age_ms"] == 400 + 20 + 100  # booting, a known Wi-Fi, TLS


def test_a_movement_while_awake_is_sent_before_the_sleep_with_its_uncertainty(wake, fake_board, fake_uplink):
    wake()
    fake_uplink.during.append(lambda: fake_board.moved.append(True) or setattr(fake_board, "position", False))
    wake(position=True)
    assert fake_uplink.kinds == ["boot", "open", "close"]
    assert fake_uplink.events[-1]["err_ms"] >= 140
    assert fake_board.slept[1]


def test_a_door_that_swings_and_swings_back_while_awake_is_two_more_events(wake, fake_board, fake_uplink):
    wake()
    fake_uplink.during.append(lambda: fake_board.moved.append(True))
    wake(position=True)
    assert fake_uplink.kinds == ["boot", "open", "close", "open"]


def test_a_switch_that_still_bounces_at_the_look_is_one_opening(wake, fake_board, fake_uplink):
    def open_door():
        fake_board.position = True
        fake_board.moved += [True, True]  # the first contact before the look, the others while the door settles

    fake_uplink.during.append(open_door)
    wake()
    assert fake_uplink.kinds == ["boot", "open"]


def test_a_door_that_moves_at_every_look_lets_the_board_sleep_and_tries_again_soon(wake, fake_board, fake_uplink):
    wake()
    fake_board.moved = [True, False] * MOST_ROUNDS
    sleep_ms, _ = wake(position=True)
    assert fake_uplink.connections == 1 + MOST_ROUNDS
    assert waiting(fake_board) == 2
    assert sleep_ms == RETRY_S[0] * 1000


@pytest.mark.parametrize("fault", [UnreachableError("down"), RefusedError("revoked"), UntrustedError("impostor")])
def test_without_a_broker_events_wait_and_the_pauses_grow(fault, wake, fake_board, fake_uplink):
    fake_uplink.fault = fault
    pauses = [wake()[0]] + [wake("timer", pause * 1000)[0] for pause in RETRY_S[:5]]
    assert pauses == [pause * 1000 for pause in (*RETRY_S, RETRY_S[-1])]
    assert waiting(fake_board) == 1
    fake_uplink.fault = None
    sleep_ms, _ = wake("timer")
    assert fake_uplink.kinds == ["boot"]
    assert sleep_ms > RETRY_S[-1] * 1000


def test_a_server_that_is_gone_for_days_is_not_asked_every_second(wake, fake_uplink):
    wake()
    fake_uplink.fault = UnreachableError("down")
    pauses = [wake("timer", BEAT_S * 1000)[0]] + [wake("timer", 7_200_000)[0] for _ in range(8)]
    assert min(pauses) >= RETRY_S[0] * 1000


def test_no_puback_goes_to_the_ladder(wake, fake_board, fake_uplink):
    fake_uplink.puback = False
    assert wake()[0] == RETRY_S[0] * 1000
    assert waiting(fake_board) == 1


def test_no_wifi_goes_to_the_ladder_without_a_connection(wake, fake_board, fake_uplink):
    fake_board.wifi = False
    assert wake()[0] == RETRY_S[0] * 1000
    assert fake_uplink.connections == 0


def test_a_puback_without_watermark_waits_for_the_next_natural_wake(wake, fake_board, fake_uplink):
    fake_uplink.commits = False
    sleep_ms, _ = wake()
    assert sleep_ms > RETRY_S[-1] * 1000
    assert waiting(fake_board) == 1
    fake_uplink.commits = True
    wake(position=True)
    assert [len(batch["events"]) for batch in fake_uplink.batches] == [1, 2]
    assert waiting(fake_board) == 0


def test_a_watermark_of_another_install_forgets_nothing(wake, fake_board, fake_uplink):
    fake_uplink.commits = False
    fake_uplink.desired = {"ack": {"install": "f" * 16, "boot": 9, "seq": 9}}
    wake()
    assert waiting(fake_board) == 1


def test_a_lower_revision_is_ignored(wake, fake_uplink):
    fake_uplink.commits = False
    fake_uplink.desired = {"rev": 50, "settings": {"heartbeat_s": 600}}
    wake()
    fake_uplink.desired = {"rev": 49, "settings": {"heartbeat_s": 700}}
    wake("timer", HOUR_MS)
    assert fake_uplink.heartbeats[-1]["settings"]["heartbeat_s"] == 600


def test_settings_survive_a_power_cut_and_no_longer_wished_for_ones_go(wake, fake_board, fake_uplink):
    fake_uplink.desired = {"settings": {"heartbeat_s": 600, "colour": 1}}
    wake()
    fake_board.lose_power()
    wake()
    assert fake_uplink.heartbeats[-1]["settings"]["heartbeat_s"] == 600
    assert fake_uplink.heartbeats[-1]["refused"] == {"colour": "no such setting"}
    fake_uplink.desired = {}
    wake(position=True)
    assert fake_uplink.heartbeats[-1]["settings"]["heartbeat_s"] == BEAT_S


def test_a_refused_setting_is_reported_once_not_at_every_wake(wake, fake_uplink):
    fake_uplink.desired = {"settings": {"colour": 1}}
    wake()
    beats = len(fake_uplink.heartbeats)
    wake(position=True)
    assert len(fake_uplink.heartbeats) == beats


def test_a_board_that_is_not_in_use_keeps_its_events_until_its_heartbeat(wake, fake_board, fake_uplink):
    fake_uplink.desired = {"settings": {"active": 0}}
    wake()
    wake(position=True)
    wake(position=False)
    assert fake_uplink.kinds == ["boot"]
    assert waiting(fake_board) == 2
    fake_uplink.desired = {}
    wake("timer", BEAT_S * 1000)
    assert fake_uplink.kinds == ["boot", "open", "close"]
    wake(position=True)
    assert fake_uplink.kinds[-1] == "open"


def test_a_malformed_wish_is_ignored_and_logged(wake, fake_board, fake_uplink):
    fake_uplink.during.append(lambda: fake_uplink.callback(b"t", b"{"))
    wake()
    assert any("ignored" in line for line in fake_board.lines)
    assert waiting(fake_board) == 0


def test_a_heartbeat_is_sent_when_it_is_due_although_the_timer_was_fast(wake, fake_uplink):
    wake()
    wake("timer", BEAT_S * 1000 * 95 // 100)
    assert len(fake_uplink.heartbeats) == 2


def test_a_door_left_open_is_told_at_each_threshold_once(wake, fake_uplink):
    wake()
    sleep_ms, _ = wake(position=True)
    wake("timer", sleep_ms)
    wake("timer", 60_000)
    assert fake_uplink.kinds == ["boot", "open", "still_open"]
    assert fake_uplink.events[-1]["dur_ms"] >= 300_000


def test_thresholds_that_passed_together_are_told_once(wake, fake_uplink):
    wake()
    wake(position=True)
    wake("timer", 5 * HOUR_MS)
    assert fake_uplink.kinds.count("still_open") == 1


def test_an_empty_battery_keeps_the_radio_off_and_the_event_on_flash(wake, fake_board, fake_uplink):
    wake()
    sleep_ms, _ = wake(position=True, millivolts=3200)
    assert fake_uplink.connections == 1
    assert waiting(fake_board) == 2  # the opening, and low_battery
    assert sleep_ms >= 60_000
    sleep_ms, _ = wake("timer", BEAT_S * 2000)
    assert sleep_ms >= 60_000
    wake("timer", HOUR_MS, millivolts=3900)
    assert fake_uplink.kinds == ["boot", "open", "low_battery", "still_open"]


def test_a_low_battery_is_told_once_until_it_recovers(wake, fake_uplink):
    wake()
    for millivolts in (3450, 3480, 3550, 3450, 3700, 3450):
        wake("timer", HOUR_MS, millivolts=millivolts)
    assert fake_uplink.kinds == ["boot", "low_battery", "low_battery"]


def test_a_board_without_a_battery_says_nothing_of_it(wake, fake_uplink):
    wake(millivolts=120)
    assert "batt_mv" not in fake_uplink.batches[0]
    assert fake_uplink.kinds == ["boot"]


def test_after_a_power_cut_events_keep_their_names_and_the_new_boot_says_after(wake, fake_board, fake_uplink):
    fake_uplink.fault = UnreachableError("down")
    wake()
    wake(position=True)
    fake_uplink.fault = None
    fake_board.lose_power()
    wake()
    first, second = fake_uplink.batches
    assert [(first["boot"], len(first["events"])), (second["boot"], len(second["events"]))] == [(1, 2), (2, 1)]
    assert second["after"] == {"install": first["install"], "boot": 1, "seq": 2}
    assert first["events"][0]["err_ms"] == MAX_AGE
    assert "age_ms" not in first["events"][0]
    assert waiting(fake_board) == 0


def test_a_second_round_of_the_same_wake_starts_a_prefix_of_its_own(wake, fake_board, fake_uplink):
    wake()
    fake_uplink.commits = False
    fake_uplink.during.append(lambda: fake_board.moved.append(True) or setattr(fake_board, "position", False))
    wake(position=True)
    assert [("after" in batch, len(batch["events"])) for batch in fake_uplink.batches[1:]] == [(False, 1), (False, 2)]


def test_a_door_found_open_after_a_power_cut_says_since_when_at_the_earliest(wake, fake_board, fake_uplink):
    wake()
    wake(position=True)
    fake_board.lose_power()
    fake_board.ntp_ms = fake_board.ntp_ms + HOUR_MS
    wake(position=False)
    assert fake_uplink.kinds == ["boot", "open", "close", "boot"]
    assert HOUR_MS - 120_000 < fake_uplink.events[2]["err_ms"] < HOUR_MS + 10_000


def test_without_ntp_ages_are_sent_and_tls_gets_a_date_that_certificates_can_be_valid_at(wake, fake_board, fake_uplink):
    wake(ntp_ms=None)
    assert fake_uplink.batches[0]["clk"] == "none"
    assert "age_ms" in fake_uplink.events[0]
    assert fake_board.clock >= 1_795_174_466_000


def test_with_ntp_the_clock_is_named_and_later_wakes_say_rtc(wake, fake_uplink):
    wake()
    wake(position=True)
    assert [batch["clk"] for batch in fake_uplink.batches] == ["ntp", "rtc"]


def test_a_certificate_that_is_not_valid_makes_the_next_wake_ask_for_the_time(wake, fake_board, fake_uplink):
    wake(ntp_ms=None)
    fake_uplink.fault = UntrustedError("the certificate starts in the future")
    wake(position=True)
    fake_uplink.fault = None
    wake("timer", 30_000, ntp_ms=1_900_000_000_000)
    assert fake_board.clock > 1_900_000_000_000
    assert fake_uplink.batches[-1]["clk"] == "ntp"


def test_weeks_of_events_go_out_in_several_messages_each_naming_the_last(wake, fake_board, fake_uplink):
    wake()
    fake_uplink.fault = UnreachableError("down")
    for number in range(100):
        wake(position=number % 2 == 0)
    fake_uplink.fault = None
    wake(position=True)
    batches = fake_uplink.batches[1:]
    assert len(batches) > 1
    assert "after" not in batches[0]
    assert [batch["after"]["seq"] for batch in batches[1:]] == [batch["events"][-1]["seq"] for batch in batches[:-1]]
    assert [event["seq"] for event in fake_uplink.events] == list(range(1, 103))
    assert waiting(fake_board) == 0


def test_the_radio_budget_ends_a_long_report_and_the_rest_waits(wake, fake_board, fake_uplink):
    wake()
    fake_uplink.fault = UnreachableError("down")
    for number in range(100):
        wake(position=number % 2 == 0)
    fake_uplink.fault = None
    fake_uplink.during = [lambda: fake_board.pass_ms(30_000)] * 9
    wake(position=True)
    assert len(fake_uplink.batches) == 2
    assert waiting(fake_board) > 0


def test_a_message_too_large_for_the_heap_is_halved_at_the_next_wake(wake, fake_board, fake_uplink):
    wake()
    fake_uplink.fault = UnreachableError("down")
    for number in range(40):
        wake(position=number % 2 == 0)
    fake_uplink.fault = MemoryError("full")
    assert wake("timer")[0] == RETRY_S[-1] * 1000
    fake_uplink.fault = None
    wake("timer")
    assert len(fake_uplink.batches[1:]) > 1
    assert waiting(fake_board) == 0


def test_what_rtc_memory_keeps_fits_it_with_room_to_spare(wake, fake_board, fake_uplink):
    fake_uplink.fault = UntrustedError("impostor")
    wake()
    fake_uplink.fault = None
    wake(position=True, millivolts=3400)
    assert len(fake_board.rtc_memory) < 1024


def test_the_configuration_of_a_board_without_wifi_is_enough(flash, wake, fake_uplink):
    file = flash / "config" / "device.json"
    device = json.loads(file.read_text())
    del device["wifi"]
    file.write_text(json.dumps(device))
    wake()
    assert fake_uplink.kinds == ["boot"]
