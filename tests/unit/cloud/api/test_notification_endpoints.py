"""Notifications over HTTP: told by e-mail, listed, deleted."""

from email import message_from_bytes
from email.policy import default

import pytest

from cloud.accounts.limits import NOTIFY_BY_HOUSEHOLD
from cloud.notifications.old import KEEP_MS, forget_old_notifications
from tests.unit.cloud.api.conftest import post_notification, with_role
from tests.unit.cloud.fakes import FakeMailer, drain, with_ports
from tests.unit.cloud.messages import rows


def test_a_notification_is_told_to_the_owner_by_email(app, owner, device):
    number = post_notification(owner, device).json()["id"]
    mailer = FakeMailer()
    drain(with_ports(app, mailer=mailer))
    (mail,) = mailer.sent
    message = message_from_bytes(mail.content, policy=default)
    assert (mail.recipient, message["Subject"]) == ("owner@example.org", "Drive: Mail was delivered")
    assert "Mail was delivered." in message.get_content()
    assert owner.get(f"/mailbox/notifications?device_id={device}").json()[0]["id"] == number


def test_after_a_year_a_notification_is_forgotten(app, owner, device):
    numbers = [post_notification(owner, device, kind).json()["id"] for kind in ("open", "close", "open", "close")]
    with app.database.write() as unit_of_work:
        for number, age in zip(numbers, (KEEP_MS + 60_000, KEEP_MS + 1, KEEP_MS - 60_000), strict=False):
            sql = f"UPDATE notifications SET sent_at = {unit_of_work.now - age} WHERE id = {number}"  # noqa: S608
            unit_of_work.connection.exec_driver_sql(sql)
    for at_once in (1, 1000):
        forget_old_notifications(app.database, at_once)
        assert rows(app, "SELECT id FROM notifications ORDER BY id") == [(number,) for number in numbers[2:]]


def test_a_kind_that_is_switched_off_is_listed_and_sends_no_email(app, owner, device):
    owner.put(f"/devices/{device}/settings", json={"mail_removed_notify": False})
    for kind in ("mail_removed", "battery_low"):
        assert post_notification(owner, device, kind).status_code == 200
    low, removed = owner.get(f"/mailbox/notifications?device_id={device}").json()
    assert (low["sent_at"] is None, removed["sent_at"]) == (False, None)
    assert rows(app, "SELECT subject FROM mail_outbox") == [("Drive: The battery of its board is low",)]


def test_a_repeated_request_with_its_key_sends_one_email(app, owner, device):
    first, second = (post_notification(owner, device, **{"Idempotency-Key": "k"}).json() for _ in range(2))
    assert first == second
    assert rows(app, "SELECT count(*) FROM mail_outbox") == [(1,)]


def test_a_household_may_notify_so_often_an_hour_whoever_of_it_asks(app, web, owner, stranger, device):
    member = with_role(app, web, "member")
    answers = [post_notification(member if turn % 2 else owner, device) for turn in range(NOTIFY_BY_HOUSEHOLD.burst)]
    assert {one.status_code for one in answers} == {200}
    for client in (owner, member):
        refused = post_notification(client, device)
        assert (refused.status_code, refused.json()["error"]) == (429, "RateLimitedError")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert refused.headers["x-ratelimit-limit"] == str(NOTIFY_BY_HOUSEHOLD.burst)
    assert rows(app, "SELECT count(*) FROM notifications") == [(NOTIFY_BY_HOUSEHOLD.burst,)]
    other = stranger.post("/devices", json={"name": "Gate"}).json()["id"]
    assert post_notification(stranger, other).status_code == 200


def test_the_name_of_a_device_adds_no_header_to_the_email(app, owner):
    device = owner.post("/devices", json={"name": "Drive\r\nBcc: all@example.org"}).json()["id"]
    assert post_notification(owner, device).status_code == 200
    ((content,),) = rows(app, "SELECT content FROM mail_outbox")
    assert message_from_bytes(content, policy=default)["Bcc"] is None


def test_a_kind_that_is_none_is_answered_with_those_there_are(owner, device):
    answer = post_notification(owner, device, "mail_exploded")
    assert answer.status_code == 422
    assert "'mail_delivered'" in answer.json()["message"]


@pytest.mark.parametrize("kind", ["open", "close", "mail_delivered", "mailbox_opened", "mail_removed", "battery_low"])
def test_every_kind_is_told_in_words(app, owner, device, kind):
    assert post_notification(owner, device, kind).status_code == 200
    assert rows(app, "SELECT subject FROM mail_outbox")[0][0].startswith("Drive: ")


def test_a_list_shows_one_type_where_it_is_asked_for(owner, device):
    for kind in ("open", "battery_low", "open"):
        post_notification(owner, device, kind)
    listed = f"/mailbox/notifications?device_id={device}"
    first = owner.get(f"{listed}&notification_type=open&limit=1")
    second = owner.get(first.links["next"]["url"])
    assert [one["notification_type"] for one in first.json() + second.json()] == ["open", "open"]
    assert owner.get(second.links["next"]["url"]).json() == []
    assert "'battery_low'" in owner.get(f"{listed}&notification_type=flood").json()["message"]


def test_notifications_are_listed_in_pages_newest_first_and_deleted(owner, device):
    numbers = [post_notification(owner, device).json()["id"] for _ in range(3)]
    first = owner.get(f"/mailbox/notifications?device_id={device}&limit=2")
    second = owner.get(first.links["next"]["url"])
    assert [one["id"] for one in first.json() + second.json()] == numbers[::-1]
    assert set(first.json()[0]) == {"id", "device_id", "notification_type", "sent_at"}
    assert owner.delete(f"/mailbox/notifications/{numbers[0]}").json() == {"id": numbers[0]}
    assert owner.delete(f"/mailbox/notifications/{numbers[0]}").status_code == 404
    assert owner.get(f"/devices/{device}/summary").json()["notification_count"] == 2
