"""An address that nobody has confirmed: how it is confirmed, and how many mails it gets before."""

import logging

import pytest

from cloud.accounts.limits import MAIL_TO_RECIPIENT, Bucket, take
from cloud.accounts.service import ensure_household
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.notifications import alarms, handlers
from cloud.notifications.written import Written
from cloud.ports.event_queue import Event
from tests.unit.accounts.people import PASSWORD, bearer, confirm, mails_of, register
from tests.unit.cloud.messages import rows

MOST = MAIL_TO_RECIPIENT.burst
KIM = "kim@example.org"


@pytest.fixture
def kim(client):
    """Somebody who has just registered, and has not looked into their mail."""
    return register(client, "kim")


def make_device(client, who):
    return client.post("/devices", json={"name": "Buy at shop.example"}, headers=bearer(who)).json()["id"]


def notify(client, who, device, times=1):
    body = {"device_id": device, "notification_type": "mail_delivered"}
    return [client.post("/mailbox/notifications", json=body, headers=bearer(who)).status_code for _ in range(times)]


def ask(client, who, email=KIM):
    return client.post("/auth/email", json={"email": email, "password": PASSWORD}, headers=bearer(who))


def is_confirmed(app, email=KIM):
    ((at,),) = rows(app, f"SELECT email_verified_at FROM users WHERE email = '{email}'")  # noqa: S608 - ours
    return at is not None


def use_up(app, email=KIM, tokens=MOST):
    for _ in range(tokens):
        take(app.database, [Bucket(MAIL_TO_RECIPIENT, email)])


def test_who_registers_confirms_the_address_by_mail_without_a_login(app, client, kim):
    assert client.get("/auth/me", headers=bearer(kim)).status_code == 200
    (mail,) = mails_of(app)
    assert (mail["To"].addresses[0].addr_spec, mail["Subject"]) == (KIM, "Confirm your e-mail address")
    assert not is_confirmed(app)
    assert confirm(client, mail).status_code == 200
    assert is_confirmed(app)
    assert confirm(client, mail).status_code == 403
    assert mails_of(app) == []
    done = [one["action"] for one in client.get("/audit-log", headers=bearer(kim)).json()]
    assert done == ["e-mail confirmed", "registered"]


def test_another_link_is_sent_to_who_asks_for_it_and_the_earlier_one_serves_no_more(app, client, kim):
    assert ask(client, kim, " KIM@example.org").status_code == 202
    first, second = mails_of(app)
    assert [mail["Subject"] for mail in (first, second)] == ["Confirm your e-mail address"] * 2
    assert confirm(client, first).status_code == 403
    assert confirm(client, second).status_code == 200


def test_who_registers_with_an_address_that_had_enough_has_an_account_all_the_same(app, client):
    use_up(app)
    register(client, "kim")
    assert mails_of(app) == []


def test_a_stranger_s_address_gets_a_few_mails_a_day_whatever_they_are(app, client, kim, caplog):
    device = make_device(client, kim)
    with caplog.at_level(logging.WARNING, "cloud.mail.service"):
        assert set(notify(client, kim, device, MOST + 2)) == {200}
    assert len(mails_of(app)) == MOST
    listed = client.get(f"/mailbox/notifications?device_id={device}", headers=bearer(kim)).json()
    sent = [one["sent_at"] is not None for one in listed]
    assert sent == [False] * 3 + [True] * (MOST - 1)  # newest first
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3  # one notification less than mails: the first of these confirms the address
    assert {"not confirmed" in line and KIM not in line for line in told} == {True}
    client.post("/auth/password/forgot", json={"email": KIM})
    assert mails_of(app) == []


def test_the_next_day_some_go_again(app, client, kim):
    use_up(app, tokens=MOST - 1)  # registering took one
    device = make_device(client, kim)
    assert notify(client, kim, device) == [200]
    assert len(mails_of(app)) == 1  # that of registering
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE buckets SET full_at = full_at - 86400000")
    assert notify(client, kim, device) == [200]
    assert len(mails_of(app)) == 1


def test_a_confirmed_address_gets_them_all(app, client, kim):
    (mail,) = mails_of(app)
    confirm(client, mail)
    device = make_device(client, kim)
    notify(client, kim, device, MOST + 2)
    assert len(mails_of(app)) == MOST + 2


def test_whom_the_operator_made_is_confirmed(app):
    with app.database.write() as unit_of_work:
        ensure_household(unit_of_work, KIM, "Kim")
    assert is_confirmed(app)


@pytest.mark.parametrize(
    ("stage", "name"), [(handlers, "delivery_settled"), (alarms, "alarm_raised")], ids=["delivery", "alarm"]
)
def test_deliveries_and_alarms_count_too_and_only_for_who_has_not_confirmed(app, home, kim, alice, stage, name):
    mails_of(app)
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE users SET email_verified_at = 1 WHERE name = 'Alice'")
    for one in (kim, alice):
        use_up(app, one["user"]["email"], MOST - 1)
    mails = [Written(one["user"]["id"], one["user"]["email"], "S", b"\r\n") for one in (kim, alice)]
    with app.database.write() as unit_of_work:
        subject = MailboxEventRepository(unit_of_work).add_episode(home.board, opened_at=1)
        following = stage.handle(unit_of_work, Event(name, home.household_id, subject), mails)
    assert len(following) == 1
    assert rows(app, "SELECT recipient FROM mail_outbox WHERE state = 'pending'") == [("alice@example.org",)]


def test_a_mail_that_is_queued_again_takes_no_more_of_the_day(app, client, kim):
    household = client.get("/households", headers=bearer(kim)).json()[0]["id"]
    mails_of(app)
    written = [Written(kim["user"]["id"], KIM, "S", b"\r\n")]
    for _ in range(MOST):
        with app.database.write() as unit_of_work:
            alarms.handle(unit_of_work, Event("alarm_raised", household, "alarm"), written)
    with app.database.write() as unit_of_work:
        following = alarms.handle(unit_of_work, Event("alarm_raised", household, "another"), written)
    assert [one.name for one in following] == ["mail_queued"]
