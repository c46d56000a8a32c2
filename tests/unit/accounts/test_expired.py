"""What has ended goes after a time, and nobody keeps more logins, keys, people or invitations than they can use."""

from dataclasses import replace

import pytest

from cloud.accounts.expired.model import AUDIT_KEEP_MS, ENDED_KEEP_MS, MOST_LOGINS
from cloud.accounts.expired.repository import ExpiredRepository
from cloud.accounts.expired.service import forget_expired
from cloud.accounts.limits import REFRESH_OF_LOGIN
from cloud.accounts.model import (
    INVITATION_MS,
    MOST_HOUSEHOLDS,
    MOST_INVITATIONS,
    MOST_MEMBERS,
    MOST_REVOKED_KEYS,
    NEW_EMAIL,
    AccountToken,
    User,
)
from cloud.accounts.repository import AccountRepository, TokenRepository
from cloud.accounts.service import start_session
from cloud.accounts.sharing.audit import note
from cloud.accounts.sharing.model import Invitation
from cloud.accounts.sharing.repository import ApiKeyRepository, AuditRepository, SharingRepository
from cloud.accounts.sharing.service import make_key
from cloud.repeats.idempotency import KEEP_MS, forget_old_keys
from cloud.repeats.repository import IdempotencyRepository
from tests.unit.accounts.people import bearer, log_in, mails_of, token_in
from tests.unit.accounts.test_sharing import household_of, invite, join
from tests.unit.cloud.api.test_device_lists import effort
from tests.unit.cloud.messages import rows

TABLES = (
    *("sessions", "login_links", "account_tokens", "revoked_tokens", "refresh_tokens", "token_families"),
    *("invitations", "api_keys", "audit_log"),
)


def counts(app):
    return {name: rows(app, f"SELECT count(*) FROM {name}")[0][0] for name in TABLES}  # noqa: S608


def member_of(unit_of_work, one):
    return AccountRepository(unit_of_work).member_of(one["user"]["id"])


def leave_something(unit_of_work, member, name, ago):
    """Let something of each kind end so long ago, in ms, by what has ended then; of what is not yet, ``ago`` is < 0."""
    accounts, tokens, now = AccountRepository(unit_of_work), TokenRepository(unit_of_work), unit_of_work.now
    accounts.add_session(f"session {name}", member.user.id, now - ago)
    accounts.add_login_link(f"link {name}", member.user.id, now - ago)
    tokens.add_account_token(f"mail {name}", AccountToken(member.user.id, name, member.user.email), now - ago)
    tokens.add_family(f"family {name}", member.user.id, 0, now - ago)
    for number in range(2):
        tokens.add_refresh(f"refresh {name} {number}", f"family {name}", 0)
    tokens.revoke(f"outside {name}", now + 1, now)
    unit_of_work.connection.exec_driver_sql(
        f"UPDATE revoked_tokens SET expires_at = {now - ago} WHERE token_hash = 'outside {name}'"  # noqa: S608
    )
    told = (f"{name}@example.org", "viewer", member.user.id, 0, now - ago - ENDED_KEEP_MS, None)
    invitation = Invitation(f"invitation {name}", member.household_id, *told)
    SharingRepository(unit_of_work).add_invitation(invitation, f"hash {name}")
    key, _ = make_key(unit_of_work, member, name, ["read"])
    ApiKeyRepository(unit_of_work).end_key(member.household_id, key.id, now - ago - ENDED_KEEP_MS)
    note(replace(unit_of_work, now=now - ago - AUDIT_KEEP_MS), member, "tested", name, "::1")


@pytest.mark.parametrize("at_once", [1, 1000])
def test_what_has_ended_goes_and_what_lives_stays(app, client, alice, at_once):
    assert client
    before = counts(app)
    with app.database.write() as unit_of_work:
        member = member_of(unit_of_work, alice)
        leave_something(unit_of_work, member, "lives", -60_000)
    living = counts(app)
    assert all(living[name] > before[name] for name in TABLES)
    with app.database.write() as unit_of_work:
        for name in ("old", "older"):
            leave_something(unit_of_work, member, name, 60_000)
    for _ in range(2):
        forget_expired(app.database, at_once)
        assert counts(app) == living
    assert client.get("/auth/me", headers=bearer(alice)).status_code == 200
    assert rows(app, "SELECT subject FROM audit_log WHERE action = 'tested'") == [("lives",)]


def test_a_person_has_so_many_logins_and_a_new_one_ends_the_oldest(app, client, alice):
    user_id = alice["user"]["id"]
    with app.database.write() as unit_of_work:
        for number in range(MOST_LOGINS + 3):
            start_session(replace(unit_of_work, now=unit_of_work.now + number), user_id, f"session {number}")
            TokenRepository(unit_of_work).add_family(unit_of_work.new_id(), user_id, 0, unit_of_work.now + 1000)
    assert rows(app, "SELECT count(*) FROM sessions") == [(MOST_LOGINS,)]
    assert log_in(client).status_code == 200
    assert rows(app, "SELECT count(*) FROM token_families") == [(MOST_LOGINS,)]
    assert client.get("/auth/me", headers=bearer(alice)).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": alice["refresh_token"]}).status_code == 401
    assert client.get("/auth/me", headers=bearer(log_in(client).json())).status_code == 200


def test_of_a_persons_logins_no_others_end(app, client, alice, bob):
    with app.database.write() as unit_of_work:
        start_session(unit_of_work, bob["user"]["id"], "bob's browser")
        ExpiredRepository(unit_of_work).end_older_logins(alice["user"]["id"], 0)
    assert rows(app, "SELECT count(*) FROM sessions") == [(1,)]
    assert client.get("/auth/me", headers=bearer(bob)).status_code == 200
    assert client.get("/auth/me", headers=bearer(alice)).status_code == 401


def test_a_login_is_refreshed_so_often_and_a_refused_token_stays_good(app, client, alice):
    token = alice["refresh_token"]
    for _ in range(REFRESH_OF_LOGIN.burst):
        token = client.post("/auth/refresh", json={"refresh_token": token}).json()["refresh_token"]
    refused = client.post("/auth/refresh", json={"refresh_token": token})
    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    assert rows(app, "SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL") == [(1,)]
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("DELETE FROM buckets")
    assert client.post("/auth/refresh", json={"refresh_token": token}).status_code == 200


def add_people(app, household_id, count):
    """Let a household have so many members more; returns the last."""
    with app.database.write() as unit_of_work:
        accounts = AccountRepository(unit_of_work)
        for number in range(count):
            user = User(unit_of_work.new_id(), f"member{number}@example.org", "M")
            accounts.add_user(user, 1)
            accounts.add_member(household_id, user.id, "viewer")
    return user


def test_a_full_household_takes_nobody_until_somebody_has_left(app, client, alice, bob):
    invite(client, alice)
    (mail,) = mails_of(app)
    last = add_people(app, household_of(client, alice), MOST_MEMBERS - 1)
    refused = join(client, bob, token_in(mail, "invitation"))
    assert (refused.status_code, "an owner can remove one" in refused.json()["message"]) == (409, True)
    assert client.delete(f"/households/members/{last.id}", headers=bearer(alice)).status_code == 204
    assert join(client, bob, token_in(mail, "invitation")).status_code == 200


def test_a_person_is_in_so_many_households(app, client, alice, bob):
    invite(client, alice)
    (mail,) = mails_of(app)
    with app.database.write() as unit_of_work:
        accounts = AccountRepository(unit_of_work)
        for number in range(MOST_HOUSEHOLDS - 1):
            accounts.add_household(f"home {number}", "Home", 1)
            accounts.add_member(f"home {number}", bob["user"]["id"], "viewer")
    refused = join(client, bob, token_in(mail, "invitation"))
    assert (refused.status_code, "leave one first" in refused.json()["message"]) == (409, True)
    assert len(client.get("/households", headers=bearer(bob)).json()) == MOST_HOUSEHOLDS
    headers = bearer(bob, "home 7")
    assert client.delete(f"/households/members/{bob['user']['id']}", headers=headers).status_code == 204
    assert join(client, bob, token_in(mail, "invitation")).status_code == 200


def test_so_many_invitations_are_open_and_one_that_has_expired_is_not(app, client, alice):
    home = household_of(client, alice)
    with app.database.write() as unit_of_work:
        now, sharing = unit_of_work.now, SharingRepository(unit_of_work)
        for number in range(MOST_INVITATIONS + 1):
            expires_at = now if number == 0 else now + INVITATION_MS
            told = (f"guest{number}@example.org", "viewer", alice["user"]["id"], now, expires_at, None)
            sharing.add_invitation(Invitation(f"invitation {number:03}", home, *told), f"hash {number}")
    listed = client.get("/households/invitations", headers=bearer(alice)).json()
    assert [one["id"] for one in listed] == [f"invitation {number:03}" for number in range(1, MOST_INVITATIONS + 1)]
    refused = invite(client, alice)
    assert (refused.status_code, "take one back first" in refused.json()["message"]) == (409, True)
    assert client.delete("/households/invitations/invitation 050", headers=bearer(alice)).status_code == 204
    assert invite(client, alice).status_code == 201


def test_keys_come_in_pages_and_of_the_revoked_the_newest_stay(app, client, alice):
    with app.database.write() as unit_of_work:
        member = member_of(unit_of_work, alice)
        made = []
        for number in range(MOST_REVOKED_KEYS + 3):
            made.append(make_key(unit_of_work, member, f"key {number}", ["read"])[0].id)
            ApiKeyRepository(unit_of_work).end_key(member.household_id, made[-1], unit_of_work.now)
        made.append(make_key(unit_of_work, member, "in use", ["read"])[0].id)
    kept = made[-1 - MOST_REVOKED_KEYS :]
    found, path = [], "/api-keys?limit=20"
    while path:
        page = client.get(path, headers=bearer(alice))
        found.append([one["id"] for one in page.json()])
        path = page.headers.get("link", "<>").partition(">")[0][1:]
    assert found == [kept[:20], kept[20:40], kept[40:]]
    assert client.get("/api-keys?cursor=x", headers=bearer(alice)).status_code == 422


def test_a_page_of_the_audit_log_costs_the_same_however_long_it_is(app, alice):
    def ask(unit_of_work):
        assert len(AuditRepository(unit_of_work).entries(alice_at_home.household_id, 5)) == 5

    with app.database.write() as unit_of_work:
        alice_at_home = member_of(unit_of_work, alice)
        for number in range(10):
            note(unit_of_work, alice_at_home, "tested", str(number), "::1")
    few = effort(app, ask)
    with app.database.write() as unit_of_work:
        for number in range(1000):
            note(unit_of_work, alice_at_home, "tested", str(number), "::1")
    assert effort(app, ask) < few + 50


def test_the_audit_log_is_asked_for_a_time_and_for_what_was_done(app, client, alice):
    with app.database.write() as unit_of_work:
        at_home = member_of(unit_of_work, alice)
        for day in (1, 2, 3):
            then = replace(unit_of_work, now=day * 86_400_000)
            note(then, at_home, f"tested {day}", "", "::1")

    def actions(**query):
        return [one["action"] for one in client.get("/audit-log", params=query, headers=bearer(alice)).json()]

    assert actions(until="1970-01-05") == ["tested 3", "tested 2", "tested 1"]
    assert actions(since="1970-01-03T00:00:00Z", until="1970-01-04T00:00:00Z") == ["tested 2"]
    assert actions(action="registered") == ["registered"]
    assert actions(action="tested 1", since="1970-01-03") == []
    assert actions(limit=1, until="1970-01-05") == ["tested 3"]


def test_keys_of_requests_go_after_a_day_also_where_nobody_sends_another(app, client, alice):
    home = household_of(client, alice)
    with app.database.write() as unit_of_work:
        for name, age in (("old", KEEP_MS), ("new", KEEP_MS - 60_000)):
            then = replace(unit_of_work, now=unit_of_work.now - age)
            IdempotencyRepository(then).add(home, name, "f", "{}")
    forget_old_keys(app.database)
    assert rows(app, "SELECT key_hash FROM idempotency_keys") == [("new",)]


def test_a_login_of_another_purpose_is_no_reason_to_forget(app, alice):
    """The token of a mail that waits lives until it expires."""
    with app.database.write() as unit_of_work:
        token = AccountToken(alice["user"]["id"], NEW_EMAIL, "new@example.org")
        TokenRepository(unit_of_work).add_account_token("waits", token, unit_of_work.now + 60_000)
    forget_expired(app.database)
    assert ("waits",) in rows(app, "SELECT token_hash FROM account_tokens")
