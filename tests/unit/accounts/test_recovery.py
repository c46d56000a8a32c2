"""A new password and another e-mail address by mail."""

from tests.unit.accounts.people import PASSWORD, bearer, client_of, log_in, mails_of, token_in
from tests.unit.cloud.messages import rows

NEW = "another horse"


def forgot(client, email="alice@example.org"):
    return client.post("/auth/password/forgot", json={"email": email})


def reset(client, token, secret=NEW):
    return client.post("/auth/password/reset", json={"token": token, "password": secret})


def ask(client, who, email="new@example.org", secret=PASSWORD):
    return client.post("/auth/email", json={"email": email, "password": secret}, headers=bearer(who))


def test_a_forgotten_password_is_set_by_mail_and_every_login_ends(app, client, alice):
    assert forgot(client).status_code == 202
    (mail,) = mails_of(app)
    assert (mail["To"].addresses[0].addr_spec, mail["Subject"]) == ("alice@example.org", "Set a new password")
    assert reset(client, token_in(mail, "reset")).status_code == 200
    assert log_in(client).status_code == 401
    assert log_in(client, secret=NEW).status_code == 200
    assert client.get("/auth/me", headers=bearer(alice)).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": alice["refresh_token"]}).status_code == 401
    assert [mail["Subject"] for mail in mails_of(app)] == ["Your password was changed"]


def test_an_unknown_address_is_answered_alike_and_gets_nothing(app, client, alice):
    assert forgot(client).json() == forgot(client, "nobody@example.org").json()
    assert [mail["To"].addresses[0].addr_spec for mail in mails_of(app)] == [alice["user"]["email"]]


def test_a_reset_link_works_once_and_only_the_newest_does(app, client, alice):
    assert alice
    forgot(client)
    forgot(client)
    first, second = (token_in(mail, "reset") for mail in mails_of(app))
    assert reset(client, first).status_code == 403
    assert reset(client, second).status_code == 200
    assert reset(client, second).status_code == 403


def test_a_reset_link_expires_within_the_hour(app, client, alice):
    assert alice
    forgot(client)
    (mail,) = mails_of(app)
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE account_tokens SET expires_at = expires_at - 3600000")
    assert reset(client, token_in(mail, "reset")).status_code == 403


def test_resets_are_limited_by_account(client, alice):
    assert alice
    assert [forgot(client).status_code for _ in range(4)] == [202, 202, 202, 429]
    assert forgot(client, "other@example.org").status_code == 202


def test_a_token_for_one_purpose_serves_no_other(app, client, alice):
    forgot(client)
    ask(client, alice)
    tokens = {mail["Subject"]: mail for mail in mails_of(app)}
    of_reset = token_in(tokens["Set a new password"], "reset")
    of_email = token_in(tokens["Confirm your new e-mail address"], "email")
    assert client.post("/auth/email/confirm", json={"token": of_reset}).status_code == 403
    assert reset(client, of_email).status_code == 403


def test_a_new_address_counts_once_it_is_confirmed_and_the_old_one_is_told(app, client, alice):
    assert ask(client, alice).status_code == 202
    (mail,) = mails_of(app)
    assert mail["To"].addresses[0].addr_spec == "new@example.org"
    assert log_in(client, "new@example.org").status_code == 401
    assert client.post("/auth/email/confirm", json={"token": token_in(mail, "email")}).status_code == 200
    assert log_in(client, "new@example.org").status_code == 200
    assert log_in(client).status_code == 401
    (told,) = mails_of(app)
    assert (told["To"].addresses[0].addr_spec, told["Subject"]) == (
        "alice@example.org",
        "Your e-mail address was changed",
    )


def test_another_address_needs_the_password(app, client, alice):
    assert ask(client, alice, secret="wrong horse").status_code == 401  # noqa: S106
    assert mails_of(app) == []


def test_nobody_learns_from_us_who_has_an_account(app, client, alice, bob):
    assert ask(client, alice, bob["user"]["email"]).json() == ask(client, alice).json()
    assert len(mails_of(app)) == 1


def test_an_address_that_was_taken_meanwhile_is_refused(app, client, alice):
    ask(client, alice)
    (mail,) = mails_of(app)
    client.post("/auth/register", json={"name": "N", "email": "new@example.org", "password": PASSWORD})
    assert client.post("/auth/email/confirm", json={"token": token_in(mail, "email")}).status_code == 409


def test_the_rest_of_the_household_is_not_shown_the_mail_and_its_token_is_not_kept(app, client, alice):
    assert alice
    forgot(client)
    (private,) = rows(app, "SELECT private FROM mail_outbox")
    assert private == (1,)
    (mail,) = mails_of(app)
    token = token_in(mail, "reset")
    stored = str([rows(app, f"SELECT * FROM {table}") for table in ("mail_outbox", "account_tokens")])  # noqa: S608
    assert token not in stored


def test_a_name_cannot_add_headers_or_markup_to_a_mail(app):
    client = client_of(app)
    name = "Eve\r\nBcc: x@example.org <b>&"
    client.post("/auth/register", json={"name": name, "email": "eve@example.org", "password": PASSWORD})
    forgot(client, "eve@example.org")
    (mail,) = mails_of(app)
    assert mail["Bcc"] is None
    assert mail["To"].addresses[0].display_name == "Eve Bcc: x@example.org <b>&"
    assert "&lt;b&gt;&amp;" in mail.get_body(("html",)).get_content()
