"""Every switch of a board switches what it says, and nothing else."""

import pytest

from cloud.devices.profile import Behaviour
from cloud.devices.repository import DeviceRegister
from cloud.notifications.switches import is_mailed, is_wanted, told_of
from cloud.worker.alarm_watch import AlarmWatch
from firmware.wire import topics
from tests.unit.cloud.fakes import FakeMailer, FakeOcrEngine, deliver, drain, with_ports
from tests.unit.cloud.messages import announcement, event, now, photo, rows, say, say_events

TOLD = ["battery_low", "mail_delivered", "mail_removed", "mailbox_opened", "mailbox_opened"]
MAILED = ["battery_low", "mail_delivered", "mailbox_opened", "mailbox_opened"]
SUBJECTS = {
    "low battery": "battery_low",
    "Northmoor": "mail_delivered",
    "was opened at": "mailbox_opened",
    "was left open": "mailbox_opened",
    "taken out": "mail_removed",
}


def lived_through(app, home, **switches):
    """Let everything happen once to a mailbox with these switches; returns what was listed, and what was mailed."""
    app = with_ports(app, mailer=FakeMailer(), ocr_engine=FakeOcrEngine(), settle_ms=0)
    with app.database.write() as unit_of_work:
        DeviceRegister(unit_of_work).change(home.board, **switches)
    deliver(app, home, photo(), seq=2)
    drain(app)
    collected = event("close", 4)
    say_events(app, home.board, event("open", 3), collected)
    say(app, home.gateway, topics.IMAGES, announcement(event_id=collected["event_id"]))
    drain(app)
    began = now() - 3600_000
    quick = [event("open", 5, occurred_at=began), event("close", 6, occurred_at=began + 1000)]
    long = [event(kind, seq, occurred_at=began + 60_000 * seq) for seq, kind in ((7, "open"), (8, "still_open"))]
    say_events(app, home.board, *quick, *long, event("close", 9, occurred_at=began + 600_000))
    drain(app)
    say(app, home.board, topics.HEARTBEAT, {"fw": "1", "next_s": 3600, "batt_mv": 3000})
    AlarmWatch(app).look()
    drain(app)
    listed = [kind for (kind,) in rows(app, "SELECT notification_type FROM notifications")]
    subjects = [subject for (subject,) in rows(app, "SELECT subject FROM mail_outbox WHERE state = 'sent'")]
    mailed = [next(kind for words, kind in SUBJECTS.items() if words in subject) for subject in subjects]
    return sorted(listed), sorted(mailed)


def without(told, *kinds):
    return [kind for kind in told if kind not in kinds]


@pytest.mark.parametrize(
    ("switches", "listed", "mailed"),
    [
        ({}, TOLD, MAILED),
        ({"mail_delivered_notify": False}, without(TOLD, "mail_delivered"), without(MAILED, "mail_delivered")),
        ({"mailbox_opened_notify": False}, without(TOLD, "mailbox_opened"), without(MAILED, "mailbox_opened")),
        ({"mail_removed_notify": False, "email_notifications": True}, without(TOLD, "mail_removed"), MAILED),
        ({"battery_low_notify": False}, without(TOLD, "battery_low"), without(MAILED, "battery_low")),
        ({"push_notifications": False}, [], MAILED),
        ({"email_notifications": False}, TOLD, MAILED),
        ({"email_notifications": True}, TOLD, sorted([*MAILED, "mail_removed"])),
    ],
    ids=lambda one: ",".join(one) if isinstance(one, dict) else "",
)
def test_a_switch_switches_what_it_says(app, home, switches, listed, mailed):
    assert lived_through(app, home, **switches) == (listed, mailed)


@pytest.mark.parametrize(
    ("kind", "switch"),
    [
        ("open", "mailbox_opened_notify"),
        ("close", "mailbox_opened_notify"),
        ("mailbox_opened", "mailbox_opened_notify"),
        ("mail_delivered", "mail_delivered_notify"),
        ("mail_removed", "mail_removed_notify"),
        ("battery_low", "battery_low_notify"),
    ],
)
def test_every_kind_of_notification_has_its_switch(kind, switch):
    assert is_wanted(Behaviour(), kind)
    assert not is_wanted(Behaviour(**{switch: False}), kind)


def test_a_vibration_is_told_to_nobody_and_a_removal_by_email_only_to_those_who_asked():
    assert told_of("vibration", has_images=False) is None
    assert told_of(None, has_images=True) is None
    assert not is_mailed(Behaviour(), "mail_removed")
    assert is_mailed(Behaviour(email_notifications=True), "mail_removed")
