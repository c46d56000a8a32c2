"""The faults of the field, each over real TLS on real MicroPython: what was journaled arrives once, or is counted.

However a test leaves its board, at its end each event must be one row of the product's own database (``conftest.py``).
"""

import pytest

from firmware.wire.messages import MAX_AGE
from simulator.lab.broker import FAULTS
from tests.firmware.lab.conftest import assert_stored_once

NOW_MS = 1_800_000_000_000
YEAR_2036_MS = 2_085_978_496_000  # where the seconds of 1900 that NTP counts begin anew
HOUR_MS = 3_600_000


def assert_each_once(lab):
    """Everything that was journaled has arrived, no name stands for two events, and nothing was dropped."""
    assert lab.missing() == []
    assert lab.ledger.clashes == []
    assert lab.ledger.lost == 0
    assert lab.ledger.largest <= 8192


def kinds(lab):
    return [row["event_type"] for row in lab.ledger.rows.values()]


def movements(lab):
    return [kind for kind in kinds(lab) if kind in ("open", "close")]


def swing(lab, times, **options):
    """Open and close the door in turn; return how the wakes ended."""
    return [lab.move(is_open=number % 2 == 0, **options) for number in range(times)]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_opening_arrives_once_through_a_broker_with(fault, hasty_lab):
    hasty_lab.start()
    hasty_lab.broker.faults.append(fault)
    outcome = hasty_lab.move(is_open=True)
    assert outcome.end == "sleep", outcome
    hasty_lab.move(is_open=False)
    hasty_lab.settle()
    assert_each_once(hasty_lab)
    assert movements(hasty_lab) == ["open", "close"]


@pytest.mark.parametrize("fault", FAULTS)
def test_openings_arrive_once_when_every_second_connection_has(fault, hasty_lab):
    hasty_lab.broker.faults.extend([fault, ""] * 6)
    hasty_lab.start()
    assert {outcome.end for outcome in swing(hasty_lab, 8)} == {"sleep"}
    hasty_lab.settle()
    assert_each_once(hasty_lab)
    assert movements(hasty_lab) == ["open", "close"] * 4


def test_a_broker_that_restarts_again_and_again_gets_the_event_once(hasty_lab):
    hasty_lab.start()
    hasty_lab.broker.faults.extend(["PUBLISH lost", "no TLS", "closed before CONNACK", "PUBACK lost"])
    hasty_lab.move(is_open=True)
    hasty_lab.settle()
    assert_each_once(hasty_lab)
    assert hasty_lab.broker.connections >= 6


@pytest.mark.parametrize("host", ["broker.example", "broker"])
def test_a_name_that_is_not_told_and_one_that_is_told_again(host, lab_at, name_server):
    lab = lab_at(host=host).set(dns_port=1)
    lab.start()
    lab.move(is_open=True)
    assert lab.broker.connections == 0
    lab.set(dns_port=name_server.port)
    lab.settle()
    assert_each_once(lab)
    lab.move(is_open=False)
    assert sum(b"broker" in question for question in name_server.questions) == 1


def test_a_name_of_the_home_is_told_by_its_owner_and_not_waited_for_where_nobody_has_it(lab_at):
    lab = lab_at(host="nobody.invalid.local").set(dns_port=1)  # no name server
    waited = lab.start()
    assert (waited.end, lab.broker.connections) == ("sleep", 0)
    assert any("nobody.invalid.local's address from itself" in line for line in waited.lines)
    lab.write("config/device.json", lab.read("config/device.json").replace(b"nobody.invalid", b"localhost"))
    lab.settle()
    lab.move(is_open=True)
    assert_each_once(lab)


@pytest.mark.parametrize("fault", ["no TLS", "half CONNACK", "closed in SUBACK", "PUBLISH lost", "half PUBACK"])
def test_wifi_that_drops_in_each_phase(fault, hasty_lab):
    hasty_lab.start()
    hasty_lab.set(has_wifi=False)
    hasty_lab.move(is_open=True)
    hasty_lab.set(has_wifi=True)
    hasty_lab.broker.faults.append(fault)
    hasty_lab.settle()
    assert_each_once(hasty_lab)


@pytest.mark.parametrize("server", ["expired", "other authority", "other name", "not yet valid"])
def test_a_server_that_cannot_prove_itself_gets_nothing_and_the_right_one_everything(server, lab, impostor, device):
    lab.start()
    good = lab.broker
    lab.broker = impostor(server)
    lab.write("config/device.json", device(lab.broker.port))
    outcome = lab.move(is_open=True)
    assert any("UntrustedError" in line for line in outcome.lines), outcome
    assert lab.ledger.payloads == []
    lab.broker = good
    lab.write("config/device.json", device(good.port))
    lab.settle()
    assert_each_once(lab)


def test_the_server_is_named_in_the_handshake(lab_at, strict_broker):
    lab = lab_at(strict_broker)
    lab.start()
    assert_each_once(lab)


@pytest.mark.parametrize("clock", [0, 946_684_800_000, YEAR_2036_MS, 1 << 42])
@pytest.mark.parametrize("ntp", [None, NOW_MS])
def test_a_clock_that_is_wrong_costs_no_event(clock, ntp, lab):
    lab.set(valid=[NOW_MS - 90 * 24 * HOUR_MS, NOW_MS + 90 * 24 * HOUR_MS], ntp=NOW_MS)
    lab.start()
    lab.set(clock=clock, ntp=ntp)
    lab.move(is_open=True)
    lab.move(is_open=False)
    lab.set(ntp=NOW_MS)
    lab.settle()
    assert_each_once(lab)
    assert movements(lab) == ["open", "close"]


def test_a_clock_that_jumps_makes_no_event_younger_than_it_is(lab):
    lab.set(ntp=NOW_MS)
    lab.start()
    lab.broker.faults.append("no TLS")
    lab.move(is_open=True)
    lab.set(clock=NOW_MS + 5 * HOUR_MS)
    lab.settle()
    assert_each_once(lab)
    event = next(row for row in lab.ledger.rows.values() if row["event_type"] == "open")
    assert event["err_ms"] <= MAX_AGE


def test_a_clock_that_goes_back_a_little_soon_after_the_start_keeps_the_heartbeat_going(lab):
    began = lab.start().clock
    lab.ledger.settings = {"heartbeat_s": 600}
    lab.set(clock=began - 20_000)
    outcome = lab.move(is_open=True, after_ms=0)
    assert outcome.end == "sleep", outcome
    assert lab.ledger.heartbeats[-1]["uptime_s"] == 0
    lab.settle()
    assert_each_once(lab)


@pytest.mark.parametrize(
    "damage",
    [b"", b"\0" * 64, b"\xff" * 2048, b"00000000 {}", "flip"],
    ids=["gone", "zeros", "ones", "wrong CRC", "one bit"],
)
def test_damaged_rtc_memory_is_a_new_boot_and_no_name_is_used_twice(damage, lab):
    lab.start()
    lab.broker.faults.append("no TLS")
    before = lab.move(is_open=True)
    block = bytes([before.rtc[0] ^ 1]) + before.rtc[1:] if damage == "flip" else damage
    lab.set(rtc=block.hex())
    lab.move(is_open=False)
    lab.settle()
    assert_each_once(lab)
    assert movements(lab) == ["open", "close"]
    assert {name.split("-")[1] for name in lab.ledger.rows} == {"1", "2"}


def test_a_board_flashed_anew_is_not_silenced_by_the_watermark_of_its_former_life(lab):
    lab.start()
    swing(lab, 6)
    former = lab.install
    lab.reflash()
    lab.start()
    lab.move(is_open=True)
    lab.settle()
    assert lab.install != former
    assert_each_once(lab)
    assert movements(lab) == ["open", "close"] * 3 + ["open"]


def test_when_only_the_second_of_two_publishes_arrives_the_first_is_sent_again(lab):
    lab.start()
    lab.set(has_wifi=False)
    swing(lab, 90)
    lab.set(has_wifi=True)
    lab.broker.faults.append("first PUBLISH not committed")
    lab.sleep_on()
    assert lab.missing() != []
    assert len(lab.ledger.rows) > 1
    lab.settle()
    assert_each_once(lab)


def test_a_lower_revision_changes_no_setting_and_forgets_no_event(lab):
    lab.ledger.settings = {"heartbeat_s": 600}
    lab.start()
    lab.ledger.settings = {"heartbeat_s": 700}
    lab.broker.faults.append("stale desired")
    lab.move(is_open=True)
    assert_each_once(lab)
    lab.ledger.settings = {"heartbeat_s": 600}
    lab.move(is_open=False)
    assert [beat["settings"]["heartbeat_s"] for beat in lab.ledger.heartbeats][-1] == 600


def test_five_hundred_openings_without_a_network_all_arrive(lab):
    lab.start()
    lab.set(has_wifi=False)
    assert {outcome.end for outcome in swing(lab, 1000, after_ms=20 * 60_000)} == {"sleep"}
    lab.set(has_wifi=True)
    lab.settle()
    assert_each_once(lab)
    assert movements(lab) == ["open", "close"] * 500


def test_each_publish_is_one_tls_record_however_long(lab):
    lab.start()
    lab.set(has_wifi=False)
    swing(lab, 90)
    lab.set(has_wifi=True)
    assert set(lab.sleep_on().records) == {1}
    assert lab.ledger.largest > 7000
    assert_each_once(lab)


def test_a_full_flash_loses_what_it_counts_and_nothing_else(lab):
    lab.start()
    lab.set(has_wifi=False)
    swing(lab, 4)
    lab.fill_flash(0)
    assert {outcome.end for outcome in swing(lab, 40)} == {"sleep"}
    lab.set(has_wifi=True)
    lab.sleep_on()
    lab.empty_flash()
    lab.move(is_open=True)
    lab.settle()
    assert 0 < len(lab.missing()) <= lab.ledger.lost
    assert lab.ledger.clashes == []
    told = len(lab.ledger.rows)
    lab.move(is_open=False)
    assert len(lab.ledger.rows) == told + 1


def test_a_damaged_journal_on_a_full_flash_is_counted_and_the_board_goes_on(lab):
    lab.start()
    lab.set(has_wifi=False)
    swing(lab, 10)
    content = lab.read("state/journal")
    lab.write("state/journal", content.replace(b'"close"', b'"clove"', 1)[:-9])
    lab.fill_flash(0)
    assert lab.move(is_open=True).end == "sleep"
    assert lab.read("state/journal.new") is None
    lab.set(has_wifi=True)
    assert lab.sleep_on().end == "sleep"
    assert 0 < len(lab.missing()) <= lab.ledger.lost
    assert lab.ledger.clashes == []


def test_a_setting_that_would_silence_the_board_for_good_is_refused_and_named(lab):
    lab.start()
    lab.ledger.settings = {"battery_cutoff_mv": 60_000, "heartbeat_s": 600}
    lab.move(is_open=True)
    told = lab.ledger.heartbeats[-1]
    assert list(told["refused"]) == ["battery_cutoff_mv"]
    assert told["settings"]["heartbeat_s"] == 600
    lab.move(is_open=False)
    assert_each_once(lab)


def test_a_full_flash_and_a_power_cut_repeat_no_name(lab):
    lab.start()
    lab.fill_flash(0)
    lab.set(rtc="")
    lab.move(is_open=True)
    lab.set(rtc="")
    lab.move(is_open=False)
    lab.empty_flash()
    lab.move(is_open=True)
    assert lab.ledger.clashes == []
    assert lab.missing() == []


def test_a_door_that_vibrates_a_thousand_times_costs_little(lab):
    outcomes = [lab.start()]
    level = False
    for _ in range(1000):
        level = not level
        # A board that waits for the other level, or for none, does not notice.
        if outcomes[-1].listens_for is level:
            outcomes.append(lab.move(is_open=level, after_ms=5))
    lab.settle()
    assert kinds(lab).count("tamper") == 1
    assert len(lab.ledger.rows) <= 30
    assert sum(outcome.joins for outcome in outcomes) <= 30
    assert sum(outcome.changes for outcome in outcomes) <= 200
    assert_each_once(lab)


def test_a_switch_that_bounces_a_thousand_times_in_one_opening_is_one_event(lab):
    lab.start()
    lab.set(looks=[number % 2 == 0 for number in range(1000)] + [True])
    lab.move(is_open=True)
    assert movements(lab) == ["open"]
    assert_each_once(lab)


def test_an_event_that_no_message_brought_to_the_database_is_noticed(lab, stored_ledger):
    lab.start()
    lab.move(is_open=True)
    last = lab.ledger.payloads.pop()
    with pytest.raises(AssertionError, match=lab.install):
        assert_stored_once(lab, stored_ledger())
    lab.ledger.payloads.append(last)
