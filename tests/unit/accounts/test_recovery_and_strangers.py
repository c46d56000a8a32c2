"""What strangers have sent to an address stops nobody from recovering the account that it belongs to."""

import contextlib

from cloud.accounts.limits import MAIL_TO_RECIPIENT, RESET_OF_ACCOUNT, Bucket, take
from cloud.accounts.model import ACCOUNT_TOKEN_MS, RESET
from cloud.errors import RateLimitedError
from tests.unit.accounts.people import PASSWORD, bearer, log_in, mails_of, register, token_in

BOB = "bob@example.org"
NEW = "another horse"


def subjects(app):
    return [mail["Subject"] for mail in mails_of(app)]


def forgot(client, email=BOB):
    return client.post("/auth/password/forgot", json={"email": email})


def reset(client, mail):
    return client.post("/auth/password/reset", json={"token": token_in(mail, "reset"), "password": NEW})


def move(app, client, who, email):
    """Return the answer to who confirms another address, which they have asked for."""
    ask = client.post("/auth/email", json={"email": email, "password": PASSWORD}, headers=bearer(who))
    assert ask.status_code == 202
    (mail,) = (one for one in mails_of(app) if one["To"].addresses[0].addr_spec == email)
    return client.post("/auth/email/confirm", json={"token": token_in(mail, "email")})


def use_up(app, email):
    """Take what is left of an address's mails of the day."""
    with contextlib.suppress(RateLimitedError):
        for _ in range(MAIL_TO_RECIPIENT.burst):
            take(app.database, [Bucket(MAIL_TO_RECIPIENT, email)])


def test_a_stranger_s_invitations_keep_nobody_from_a_new_password(app, client, bob):
    assert bob
    eve = register(client, "eve")
    answers = [
        client.post("/households/invitations", json={"email": BOB, "role": "viewer"}, headers=bearer(eve)).status_code
        for _ in range(MAIL_TO_RECIPIENT.burst)
    ]
    assert answers == [201] * (MAIL_TO_RECIPIENT.burst - 1) + [429]  # registering took one
    mails_of(app)
    assert forgot(client).status_code == 202
    (mail,) = mails_of(app)
    assert reset(client, mail).status_code == 200
    assert log_in(client, BOB, NEW).status_code == 200
    assert subjects(app) == ["Your password was changed"]


def test_a_link_that_was_mailed_serves_when_the_day_s_mails_are_used_up_meanwhile(app, client, alice):
    """Of an address that nobody has confirmed, too: to set the password confirms it."""
    forgot(client, alice["user"]["email"])
    (mail,) = mails_of(app)
    use_up(app, alice["user"]["email"])
    assert reset(client, mail).status_code == 200
    assert subjects(app) == ["Your password was changed"]


def test_who_asks_in_a_stranger_s_stead_leaves_a_link_that_serves(app, client, bob):
    assert bob
    assert [forgot(client).status_code for _ in range(4)] == [202, 202, 202, 429]
    newest = mails_of(app)[-1]
    assert forgot(client).status_code == 429
    assert reset(client, newest).status_code == 200


def test_the_next_link_may_be_asked_for_before_the_last_one_has_expired():
    assert RESET_OF_ACCOUNT.refill_ms / RESET_OF_ACCOUNT.burst < ACCOUNT_TOKEN_MS[RESET]


def test_an_earlier_link_serves_on_where_an_unconfirmed_address_had_enough(app, client, alice):
    forgot(client, alice["user"]["email"])
    (mail,) = mails_of(app)
    use_up(app, alice["user"]["email"])
    assert forgot(client, alice["user"]["email"]).status_code == 202
    assert mails_of(app) == []
    assert reset(client, mail).status_code == 200


def test_a_new_address_is_confirmed_whatever_the_old_one_was_sent_today(app, client, bob):
    use_up(app, BOB)
    assert move(app, client, bob, "new@example.org").status_code == 200
    assert subjects(app) == ["Your e-mail address was changed"]


def test_an_old_address_that_nobody_confirmed_and_that_had_enough_is_not_told(app, client, alice):
    """It may be a stranger's: registering with it and moving on, again and again, would write there for ever."""
    use_up(app, alice["user"]["email"])
    assert move(app, client, alice, "new@example.org").status_code == 200
    assert mails_of(app) == []
    assert log_in(client, "new@example.org").status_code == 200
