"""Users of an outside issuer that tells no address: how mail reaches them all the same."""

import time

import pytest

from cloud.accounts.limits import MAIL_TO_RECIPIENT, NEW_EMAIL_OF_USER, Bucket, take
from cloud.accounts.model import NO_ADDRESS
from tests.unit.accounts.people import PASSWORD, mails_of, token_in

CAROL = "carol@example.org"


@pytest.fixture
def carol(issuer):
    """The headers of somebody of whom the issuer tells no address."""
    return headers_of(issuer)


def headers_of(issuer, **claims):
    return {"Authorization": f"Bearer {issuer.sign('ec', **claims)}"}


def address_of(client, headers):
    return client.get("/auth/me", headers=headers).json()["email"]


def ask(client, headers, email=CAROL, **body):
    return client.post("/auth/email", json={"email": email} | body, headers=headers)


def confirm(client, mail):
    return client.post("/auth/email/confirm", json={"token": token_in(mail, "email")})


def make_device(client, headers, email=CAROL):
    answer = client.post("/devices", json={"name": "Drive", "email": email}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def notify(client, headers, device):
    body = {"device_id": device, "notification_type": "mail_delivered"}
    assert client.post("/mailbox/notifications", json=body, headers=headers).status_code == 200


def recipients(mails):
    return [mail["To"].addresses[0].addr_spec for mail in mails]


def test_a_fresh_token_sets_an_address_without_a_password_once_it_is_confirmed(app, clerk, carol):
    assert ask(clerk, carol).status_code == 202
    assert address_of(clerk, carol).endswith(NO_ADDRESS)
    (mail,) = mails_of(app)
    assert recipients([mail]) == [CAROL]
    assert confirm(clerk, mail).status_code == 200
    assert address_of(clerk, carol) == CAROL
    assert mails_of(app) == []  # nobody is told at an address that mail does not reach
    notify(clerk, carol, make_device(clerk, carol))
    assert recipients(mails_of(app)) == [CAROL]


def test_an_old_token_proves_nothing(app, clerk, issuer):
    old = headers_of(issuer, iat=int(time.time()) - 301)
    make_device(clerk, old)
    answer = ask(clerk, old)
    assert answer.status_code == 401
    assert "the last five minutes (iat)" in answer.json()["message"]
    assert mails_of(app) == []


def test_an_account_with_a_password_needs_it(app, clerk, issuer):
    proved = headers_of(issuer, email=CAROL, email_verified=True)
    assert address_of(clerk, proved) == CAROL
    clerk.post("/auth/password/forgot", json={"email": CAROL})
    body = {"token": token_in(mails_of(app)[0], "reset"), "password": PASSWORD}
    assert clerk.post("/auth/password/reset", json=body).status_code == 200
    mails_of(app)
    refused = ask(clerk, proved, "new@example.org")
    assert (refused.status_code, refused.json()["message"]) == (401, "expected the password of this account, got none")
    assert ask(clerk, proved, "new@example.org", password="wrong").status_code == 401  # noqa: S106 - wrong indeed
    assert mails_of(app) == []
    assert ask(clerk, proved, "new@example.org", password=PASSWORD).status_code == 202
    assert recipients(mails_of(app)) == ["new@example.org"]


def test_a_token_of_ours_is_no_password(app, clerk, alice):
    answer = ask(clerk, {"Authorization": f"Bearer {alice['token']}"}, "new@example.org")
    assert (answer.status_code, answer.json()["message"]) == (401, "expected the password of this account, got none")
    assert mails_of(app) == []


def test_nobody_can_have_many_strangers_written_to(app, clerk, carol):
    answers = [ask(clerk, carol, f"stranger{number}@example.org") for number in range(NEW_EMAIL_OF_USER.burst + 1)]
    assert [answer.status_code for answer in answers] == [202] * NEW_EMAIL_OF_USER.burst + [429]
    assert len(mails_of(app)) == NEW_EMAIL_OF_USER.burst
    make_device(clerk, carol, "stranger@example.org")
    assert mails_of(app) == []


def test_the_address_given_with_a_device_is_confirmed_and_becomes_the_owners(app, clerk, carol):
    device = make_device(clerk, carol)
    (mail,) = mails_of(app)
    assert recipients([mail]) == [CAROL]
    notify(clerk, carol, device)
    assert mails_of(app) == []  # whoever it is has confirmed nothing
    assert confirm(clerk, mail).status_code == 200
    notify(clerk, carol, device)
    assert recipients(mails_of(app)) == [CAROL]
    assert clerk.get(f"/devices/{device}", headers=carol).json()["email"] == CAROL


def test_the_address_may_be_given_later_and_one_request_twice_is_one_mail(app, clerk, carol):
    device = make_device(clerk, carol, None)
    assert mails_of(app) == []
    assert clerk.put(f"/devices/{device}", json={"email": CAROL}, headers=carol).status_code == 200
    assert recipients(mails_of(app)) == [CAROL]
    body = {"name": "Gate", "email": CAROL}
    for _ in range(2):
        clerk.post("/devices", json=body, headers=carol | {"Idempotency-Key": "once"})
    assert recipients(mails_of(app)) == [CAROL]


def test_a_stranger_s_address_at_a_device_is_shown_and_gets_nothing(app, clerk, alice):
    headers = {"Authorization": f"Bearer {alice['token']}"}
    device = make_device(clerk, headers, "stranger@example.org")
    notify(clerk, headers, device)
    assert recipients(mails_of(app)) == ["alice@example.org"]
    assert clerk.get(f"/devices/{device}", headers=headers).json()["email"] == "stranger@example.org"


@pytest.mark.usefixtures("alice")
def test_an_address_of_another_account_is_not_asked_and_stays_theirs(app, clerk, carol):
    make_device(clerk, carol, "alice@example.org")
    assert mails_of(app) == []
    assert address_of(clerk, carol).endswith(NO_ADDRESS)


def test_a_device_is_made_even_if_its_address_had_enough_mail(app, clerk, carol):
    for _ in range(MAIL_TO_RECIPIENT.burst):
        take(app.database, [Bucket(MAIL_TO_RECIPIENT, CAROL)])
    make_device(clerk, carol)
    assert mails_of(app) == []
    assert ask(clerk, carol).status_code == 429


def test_a_program_s_key_does_not_ask_for_an_address(app, clerk, carol):
    key = clerk.post("/api-keys", json={"name": "k", "scopes": ["read", "write"]}, headers=carol).json()["key"]
    make_device(clerk, {"x-api-key": key})
    assert mails_of(app) == []


@pytest.mark.usefixtures("alice")
def test_an_address_that_the_issuer_begins_to_tell_is_taken(clerk, issuer, carol):
    before = clerk.get("/auth/me", headers=carol).json()
    assert address_of(clerk, headers_of(issuer, email=CAROL)) == before["email"]
    assert address_of(clerk, headers_of(issuer, email="alice@example.org", email_verified=True)) == before["email"]
    told = headers_of(issuer, email="Carol@example.org", email_verified=True)
    assert clerk.get("/auth/me", headers=told).json() == before | {"email": CAROL}
    assert address_of(clerk, carol) == CAROL
    assert clerk.get("/audit-log", headers=carol).json()[0]["action"] == "e-mail changed"
    other = headers_of(issuer, email="other@example.org", email_verified=True)
    assert address_of(clerk, other) == CAROL  # whose it is was proved: only they may change it
