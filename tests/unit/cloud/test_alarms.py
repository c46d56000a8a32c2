"""A silent board, a low battery and an open door are told once to each owner, and end by themselves."""

import email
import email.policy
from dataclasses import replace

import pytest

from cloud.notifications.repository import AlarmRepository
from cloud.notifications.standing import LOW_BATTERY, SILENT, Alarm, Standing, has_ended, is_late, is_silent
from cloud.worker.sweeper import Sweeper
from firmware.wire import topics
from tests.unit.cloud.fakes import FakeMailer, drain, with_ports
from tests.unit.cloud.messages import event, now, rows, say, say_events

HOUR = 3600_000
HEARD = Standing("device", "household", last_seen=10 * HOUR, next_s=3600, online=None, batt_mv=4000)
ALARM = Alarm("alarm", "household", "device", SILENT, 12 * HOUR)


@pytest.fixture
def mailer():
    return FakeMailer()


@pytest.fixture
def app(app, mailer):
    return with_ports(app, mailer=mailer)


def sweep(app, heard_for_hours=24):
    """Let somebody look who has listened for so long."""
    sweeper = Sweeper(app)
    sweeper._listening_since -= heard_for_hours * HOUR  # noqa: SLF001 - in place of a day's wait
    sweeper.sweep()
    drain(app)


def beat(app, device, **said):
    say(app, device, topics.HEARTBEAT, {"fw": "1", "next_s": 3600} | said)


def silence(app, device, hours):
    """Let it be so long ago that the device was heard of."""
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql(
            f"UPDATE devices SET last_seen = {now() - hours * HOUR} WHERE id = '{device.id}'"  # noqa: S608 - our own
        )


def raised(app, home):
    with app.database.read() as unit_of_work:
        found = AlarmRepository(unit_of_work).of_devices(home.household_id)
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
    ],
)
def test_an_alarm_ends_when_its_cause_does(alarm, standing, ended):
    assert has_ended(alarm, standing) is ended


def test_a_silent_board_is_told_once_and_ends_when_it_speaks_again(app, home, mailer):
    beat(app, home.board)
    sweep(app)
    assert (raised(app, home), mailer.sent) == ([], [])
    silence(app, home.board, 2)
    for _ in range(3):
        sweep(app)
    assert raised(app, home) == [SILENT]
    (mail,) = mailer.sent
    assert "Drive: the board has not been heard of for too long" in words(mail)
    beat(app, home.board)
    sweep(app)
    assert raised(app, home) == []
    silence(app, home.board, 3)
    sweep(app)
    assert len(mailer.sent) == 2


def test_a_server_that_was_away_does_not_take_its_own_silence_for_the_boards(app, home, mailer):
    beat(app, home.board)
    silence(app, home.board, 48)
    sweep(app, heard_for_hours=0)
    assert (raised(app, home), mailer.sent) == ([], [])


def test_a_low_battery_is_told_once_until_it_was_charged(app, home, mailer):
    for millivolts in (3400, 3450, 3550):
        beat(app, home.board, batt_mv=millivolts)
        sweep(app)
    assert raised(app, home) == [LOW_BATTERY]
    beat(app, home.board, batt_mv=4100)
    sweep(app)
    assert raised(app, home) == []
    (mail,) = mailer.sent
    assert "low battery (3.40 V)" in words(mail)


def test_who_does_not_want_to_hear_of_batteries_does_not(app, home, mailer):
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE device_settings SET battery_low_notify = 0")
    beat(app, home.board, batt_mv=3400)
    sweep(app)
    assert (raised(app, home), mailer.sent) == ([], [])


def test_a_device_that_is_gone_alarms_nobody(app, home):
    beat(app, home.board)
    silence(app, home.board, 2)
    sweep(app)
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE devices SET deleted_at = 1")
    sweep(app)
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


def test_a_door_that_rattles_is_told_to_nobody(app, home, mailer):
    app = with_ports(app, settle_ms=0)
    began = now() - 5000
    moves = [event("close" if seq % 2 == 0 else "open", seq, occurred_at=began + 200 * seq) for seq in range(1, 9)]
    say_events(app, home.board, *moves)
    drain(app)
    assert set(rows(app, "SELECT kind FROM episodes")) == {("vibration",)}
    assert mailer.sent == []
