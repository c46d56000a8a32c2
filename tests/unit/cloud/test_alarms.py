"""A silent board, a low battery and an open door are told once to each owner, and end by themselves."""

import email
import email.policy
from dataclasses import replace

import pytest

from cloud.api.paging import Page
from cloud.devices.lists.repository import DeviceLists
from cloud.devices.profile import Health
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.notifications.repository import AlarmRepository
from cloud.notifications.standing import LOW_BATTERY, SILENT, VIBRATION, Alarm, Standing, has_ended, is_late, is_silent
from cloud.worker.alarm_watch import AlarmWatch
from firmware.wire import topics
from tests.unit.cloud.fakes import FakeMailer, drain, with_ports
from tests.unit.cloud.messages import announcement, event, now, rows, say, say_events

HOUR = 3600_000
HEARD = Standing("device", "household", last_seen=10 * HOUR, next_s=3600, online=None, batt_mv=4000)
ALARM = Alarm("alarm", "household", "device", SILENT, 12 * HOUR)


@pytest.fixture
def mailer():
    return FakeMailer()


@pytest.fixture
def app(app, mailer):
    return with_ports(app, mailer=mailer)


def look(app, heard_for_hours=24):
    """Let somebody look who has listened for so long."""
    watch = AlarmWatch(app)
    watch._listening_since -= heard_for_hours * HOUR  # noqa: SLF001 - in place of a day's wait
    watch.look()
    drain(app)


def beat(app, device, **said):
    say(app, device, topics.HEARTBEAT, {"fw": "1", "next_s": 3600} | said)


def register(app, device, **values):
    """Let the owner set a device."""
    with app.database.write() as unit_of_work:
        DeviceRegister(unit_of_work).change(device, **values)


def silence(app, device, hours):
    """Let it be so long ago that the device was heard of."""
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql(
            f"UPDATE devices SET last_seen = {now() - hours * HOUR} WHERE id = '{device.id}'"  # noqa: S608 - our own
        )


def raised(app, home):
    with app.database.read() as unit_of_work:
        found = AlarmRepository(unit_of_work).of_devices(home.household_id, [home.board.id, home.gateway.id])
    return sorted(alarm.kind for alarms in found.values() for alarm in alarms)


def words(mail):
    return email.message_from_bytes(mail.content, policy=email.policy.default).get_content()


@pytest.mark.parametrize(("hours", "late"), [(10.5, False), (11.4, False), (11.6, True)])
def test_a_device_is_late_by_its_own_word_and_half_of_that_again(hours, late):
    assert is_late(last_seen=10 * HOUR, next_s=3600, now=int(hours * HOUR)) is late


@pytest.mark.parametrize("unknown", [{"last_seen": None}, {"next_s": None}, {"online": 1}])
def test_a_device_of_which_nothing_can_be_expected_is_not_silent(unknown):
    assert not is_silent(replace(HEARD, **unknown), 0, 99 * HOUR)


def test_nobody_is_silent_while_nobody_listens():
    assert is_silent(HEARD, 0, 12 * HOUR)
    assert not is_silent(HEARD, 11 * HOUR, 12 * HOUR)


@pytest.mark.parametrize(
    ("alarm", "standing", "ended"),
    [
        (ALARM, HEARD, False),
        (ALARM, replace(HEARD, last_seen=13 * HOUR), True),
        (ALARM, replace(HEARD, online=1), True),
        (ALARM, None, True),
        (replace(ALARM, kind=LOW_BATTERY), replace(HEARD, batt_mv=3550), False),
        (replace(ALARM, kind=LOW_BATTERY), replace(HEARD, batt_mv=3600), True),
        (replace(ALARM, kind=LOW_BATTERY), replace(HEARD, batt_mv=None), False),
        (replace(ALARM, kind=LOW_BATTERY), replace(HEARD, batt_mv=3600, low_mv=3800), False),
        (replace(ALARM, kind=VIBRATION), replace(HEARD, is_shaken=True), False),
        (replace(ALARM, kind=VIBRATION), HEARD, True),
    ],
)
def test_an_alarm_ends_when_its_cause_does(alarm, standing, ended):
    assert has_ended(alarm, standing) is ended


def test_a_silent_board_is_told_once_and_ends_when_it_speaks_again(app, home, mailer):
    beat(app, home.board)
    look(app)
    assert (raised(app, home), mailer.sent) == ([], [])
    silence(app, home.board, 2)
    for _ in range(3):
        look(app)
    assert raised(app, home) == [SILENT]
    (mail,) = mailer.sent
    assert "Drive: the board has not been heard of for too long" in words(mail)
    beat(app, home.board)
    look(app)
    assert raised(app, home) == []
    silence(app, home.board, 3)
    look(app)
    assert len(mailer.sent) == 2


def test_a_server_that_was_away_does_not_take_its_own_silence_for_the_boards(app, home, mailer):
    beat(app, home.board)
    silence(app, home.board, 48)
    look(app, heard_for_hours=0)
    assert (raised(app, home), mailer.sent) == ([], [])


def test_a_low_battery_is_told_once_until_it_was_charged(app, home, mailer):
    for millivolts in (3400, 3450, 3550):
        beat(app, home.board, batt_mv=millivolts)
        look(app)
    assert raised(app, home) == [LOW_BATTERY]
    beat(app, home.board, batt_mv=4100)
    look(app)
    assert raised(app, home) == []
    (mail,) = mailer.sent
    assert "low battery (3.40 V)" in words(mail)


@pytest.mark.parametrize(
    ("wished", "percent", "low_mv"), [(None, 20, 3500), (None, 60, 3900), (3700, 60, 3700), (3100, 20, 3100)]
)
def test_what_a_low_battery_is_says_the_owner(app, home, mailer, wished, percent, low_mv):
    register(app, home.board, battery_threshold=percent)
    if wished:
        with app.database.write() as unit_of_work:
            DeviceRepository(unit_of_work).set_wishes(home.board, {"battery_low_mv": wished})
    with app.database.read() as unit_of_work:
        listed = DeviceLists(unit_of_work).page(home.household_id, Page())
    assert next(one.low_mv for one in listed if one.device.id == home.board.id) == low_mv
    for millivolts, alarms in ((low_mv, []), (low_mv - 1, [LOW_BATTERY]), (low_mv + 99, [LOW_BATTERY])):
        beat(app, home.board, batt_mv=millivolts)
        look(app)
        assert raised(app, home) == alarms, millivolts
    beat(app, home.board, batt_mv=low_mv + 100)
    look(app)
    assert (raised(app, home), len(mailer.sent)) == ([], 1)


def test_a_battery_of_which_only_the_per_cent_are_reported_is_low_too(app, home, mailer):
    register(app, home.board, battery_threshold=30)
    for level, alarms in (
        (31, []),
        (29, [LOW_BATTERY]),
        (35, [LOW_BATTERY]),
        (None, [LOW_BATTERY]),
        (40, []),
        (None, []),
    ):
        with app.database.write() as unit_of_work:
            DeviceRegister(unit_of_work).add_health(home.board, Health(battery_level=level))
        look(app)
        assert raised(app, home) == alarms, level
    (mail,) = mailer.sent
    assert "low battery (29 %)" in words(mail)


def test_who_does_not_want_to_hear_of_batteries_does_not(app, home, mailer):
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE device_settings SET battery_low_notify = 0")
    beat(app, home.board, batt_mv=3400)
    look(app)
    assert (raised(app, home), mailer.sent) == ([], [])


def test_a_device_that_is_gone_alarms_nobody(app, home):
    beat(app, home.board)
    silence(app, home.board, 2)
    look(app)
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE devices SET deleted_at = 1")
    look(app)
    assert raised(app, home) == []


def test_a_door_left_open_is_told_once_while_it_is_open(app, home, mailer):
    say_events(app, home.board, event("open", 1, occurred_at=now() - HOUR), event("still_open", 2))
    drain(app)
    say_events(app, home.board, event("still_open", 3))
    drain(app)
    (mail,) = mailer.sent
    assert "Drive is open, and has been since" in words(mail)


def test_a_door_that_was_left_open_and_closed_meanwhile_is_told_once_as_that(app, home, mailer):
    app = with_ports(app, settle_ms=0)
    say_events(
        app,
        home.board,
        event("open", 1, occurred_at=now() - HOUR),
        event("still_open", 2, occurred_at=now() - HOUR // 2),
        event("close", 3),
    )
    drain(app)
    assert rows(app, "SELECT kind FROM episodes") == [("left_open",)]
    (mail,) = mailer.sent
    assert "was left open, and was closed" in words(mail)


def test_a_door_that_was_left_open_and_whose_close_was_lost_is_told_without_a_close(app, home, mailer):
    app = with_ports(app, settle_ms=0)
    opened, still = event("open", 1, occurred_at=now() - 2 * HOUR), event("still_open", 2, occurred_at=now() - HOUR)
    say_events(app, home.board, opened, still, event("open", 3))
    drain(app)
    assert [kind for (kind,) in rows(app, "SELECT kind FROM episodes ORDER BY id")] == ["left_open", None]
    (mail,) = mailer.sent
    assert "was left open, and no closing was reported. Opened:" in words(mail)


def test_a_door_that_rattles_is_told_to_nobody(app, home, mailer):
    app = with_ports(app, settle_ms=0)
    began = now() - 5000
    moves = [event("close" if seq % 2 == 0 else "open", seq, occurred_at=began + 200 * seq) for seq in range(1, 9)]
    say_events(app, home.board, *moves)
    drain(app)
    assert set(rows(app, "SELECT kind FROM episodes")) == {("vibration",)}
    assert mailer.sent == []


def storm(began, *, movements=4, boot=1, seq=1):
    """Return what a board says of a door that moves slower than rattling, and of the storm that it makes of it."""
    moves = [
        event("close" if number % 2 else "open", seq + number, boot=boot, occurred_at=began + 8000 * number)
        for number in range(movements)
    ]
    return [*moves, event("tamper", seq + movements, boot=boot, occurred_at=began + 8000 * movements)]


def kinds(app):
    return [kind for (kind,) in rows(app, "SELECT kind FROM episodes ORDER BY id")]


def test_a_storm_is_told_once_and_its_movements_are_vibrations(app, home, mailer):
    app = with_ports(app, settle_ms=0)
    say_events(app, home.board, *storm(now() - HOUR))
    drain(app)
    say_events(app, home.board, *storm(now() - HOUR // 2, boot=2), boot=2)
    drain(app)
    assert kinds(app) == ["vibration"] * 4
    assert raised(app, home) == [VIBRATION]
    (mail,) = mailer.sent
    assert "Drive: the door moves more often than hands move it" in words(mail)


def test_a_storm_is_told_anew_after_a_day_of_calm(app, home, mailer):
    say_events(app, home.board, *storm(now() - HOUR))
    drain(app)
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE mailbox_events SET occurred_at = occurred_at - 86400000")
    look(app)
    assert raised(app, home) == []
    say_events(app, home.board, *storm(now() - HOUR, boot=2), boot=2)
    drain(app)
    assert (raised(app, home), len(mailer.sent)) == ([VIBRATION], 2)


def test_a_storm_of_which_is_heard_days_later_is_shown_and_told_to_nobody(app, home, mailer):
    app = with_ports(app, settle_ms=0)
    say_events(app, home.board, *storm(now() - 48 * HOUR))
    drain(app)
    assert (kinds(app), raised(app, home), mailer.sent) == (["vibration"] * 2, [], [])


def test_a_storm_is_told_while_the_door_is_still_open(app, home, mailer):
    say_events(app, home.board, *storm(now() - HOUR, movements=3))
    drain(app)
    assert raised(app, home) == [VIBRATION]
    assert len(mailer.sent) == 1


def test_an_opening_long_before_or_after_a_storm_is_told_as_ever(app, home, mailer):
    app = with_ports(app, settle_ms=0)
    began = now() - 3 * HOUR
    openings = [event(kind, seq, occurred_at=began + seq) for seq, kind in ((1, "open"), (2, "close"))]
    openings += storm(began + HOUR // 2, seq=3)
    openings += [event(kind, seq, occurred_at=began + HOUR + seq) for seq, kind in ((8, "open"), (9, "close"))]
    say_events(app, home.board, *openings)
    drain(app)
    assert kinds(app) == ["delivery", "vibration", "vibration", "delivery"]
    assert len(mailer.sent) == 3


def test_a_collection_turns_out_to_be_a_vibration_when_the_storm_is_told_after_it(app, home):
    began = now() - 60_000
    *moves, tamper = storm(began, movements=2)
    say_events(app, home.board, *moves)
    say(app, home.gateway, topics.IMAGES, announcement(event_id=moves[1]["event_id"]))
    drain(app)
    assert kinds(app) == ["collection"]
    say_events(app, home.board, tamper)
    drain(app)
    assert (kinds(app), raised(app, home)) == (["vibration"], [VIBRATION])


def test_a_long_storm_of_an_offline_day_is_known_by_the_times_of_its_events(app, home, mailer):
    app = with_ports(app, settle_ms=0)
    began = now() - 20 * HOUR
    say_events(app, home.board, *storm(began, movements=60))
    drain(app)
    assert (set(kinds(app)), len(kinds(app))) == ({"vibration"}, 30)
    assert len(mailer.sent) == 1  # of the storm


def test_a_storm_that_comes_in_two_messages_amends_all_that_was_judged_between_them(app, home):
    app = with_ports(app, settle_ms=0)
    began = now() - 20 * HOUR
    before = [event(kind, seq, occurred_at=began - HOUR + seq) for seq, kind in ((1, "open"), (2, "close"))]
    *moves, tamper = storm(began, movements=60, seq=3)
    say_events(app, home.board, *before, *moves)
    drain(app)
    assert set(kinds(app)) == {"delivery"}
    say_events(app, home.board, tamper)
    drain(app)
    assert kinds(app) == ["delivery", *["vibration"] * 30]
