"""Households of several people: invitations, roles, API keys and the audit log."""

import json

import pytest

from cloud.accounts.limits import INVITE_OF_HOUSEHOLD
from cloud.accounts.model import NO_ADDRESS
from cloud.accounts.sharing.audit import Operator
from cloud.accounts.sharing.repository import SharingRepository
from cloud.operations import people
from tests.databases import execute
from tests.unit.accounts.people import bearer, confirm, mails_of, register, token_in
from tests.unit.cloud.messages import rows


def household_of(client, who):
    return client.get("/households", headers=bearer(who)).json()[0]["id"]


def invite(client, who, email="bob@example.org", role="member"):
    return client.post("/households/invitations", json={"email": email, "role": role}, headers=bearer(who))


def join(client, who, token):
    return client.post("/households/join", json={"token": token}, headers=bearer(who))


def make_key(client, headers, scopes=("read",)):
    return client.post("/api-keys", json={"name": "heating", "scopes": list(scopes)}, headers=headers)


@pytest.fixture
def shared(app, client, alice, bob):
    """Alice's household with Bob in it as a member."""
    assert invite(client, alice).status_code == 201
    (mail,) = mails_of(app)
    assert join(client, bob, token_in(mail, "invitation")).status_code == 200
    return household_of(client, alice)


def test_everybody_begins_with_a_household_of_their_own(client, alice, bob):
    (own,) = client.get("/households", headers=bearer(alice)).json()
    assert (own["name"], own["role"]) == ("Household of Alice", "owner")
    assert household_of(client, bob) != own["id"]


def test_who_is_invited_by_mail_joins_with_the_role(client, alice, bob, shared):
    assert [one["role"] for one in client.get("/households", headers=bearer(bob)).json()] == ["owner", "member"]
    members = client.get("/households/members", headers=bearer(bob, shared)).json()
    assert {(one["email"], one["role"]) for one in members} == {
        ("alice@example.org", "owner"),
        ("bob@example.org", "member"),
    }
    assert client.get("/households/invitations", headers=bearer(alice)).json() == []


def test_who_joins_an_older_household_stays_in_their_own_unless_they_ask_for_it(client, bob, shared):
    """Otherwise what a program of Bob's reports would end up in Alice's household."""
    assert household_of(client, bob) != shared
    made = client.post("/devices", json={"name": "Bob's own"}, headers=bearer(bob)).json()
    assert [one["id"] for one in client.get("/devices", headers=bearer(bob)).json()] == [made["id"]]
    assert client.get("/devices", headers=bearer(bob, shared)).json() == []


def test_an_invitation_keeps_who_invited(app, client, alice):
    invite(client, alice)
    with app.database.read() as unit_of_work:
        (kept,) = SharingRepository(unit_of_work).invitations(household_of(client, alice), unit_of_work.now)
    assert kept.invited_by == alice["user"]["id"]


def test_the_mail_says_who_invites_where_to(app, client, alice):
    invite(client, alice, role="viewer")
    (mail,) = mails_of(app)
    assert mail["Subject"] == "Alice invites you to Household of Alice"
    assert "as viewer" in mail.get_body(("plain",)).get_content()


def test_an_invitation_is_accepted_once_and_not_after_it_was_taken_back(app, client, alice, bob):
    invite(client, alice)
    (mail,) = mails_of(app)
    token = token_in(mail, "invitation")
    (invitation,) = client.get("/households/invitations", headers=bearer(alice)).json()
    path = f"/households/invitations/{invitation['id']}"
    assert client.delete(path, headers=bearer(bob)).status_code == 404
    assert client.delete(path, headers=bearer(alice)).status_code == 204
    assert client.delete(path, headers=bearer(alice)).status_code == 404
    assert join(client, bob, token).status_code == 403
    assert join(client, bob, "made up").status_code == 403


@pytest.fixture
def co_owner(app, client, alice, bob):
    """Bob, who owns Alice's household with her, the address of a second account of his, and its open invitation."""
    invite(client, alice, role="owner")
    (mail,) = mails_of(app)
    assert join(client, bob, token_in(mail, "invitation")).json()["role"] == "owner"
    second = register(client, "robert")
    (mail,) = mails_of(app)
    confirm(client, mail)
    household = household_of(client, alice)
    body = {"email": "robert@example.org", "role": "owner"}
    invited = client.post("/households/invitations", json=body, headers=bearer(bob, household))
    assert (invited.status_code, invited.json()["invited_by"]) == (201, bob["user"]["id"])
    (mail,) = mails_of(app)
    return second, token_in(mail, "invitation")


def open_invitations(client, alice):
    return client.get("/households/invitations", headers=bearer(alice)).json()


def is_shut_out(client, alice, co_owner):
    """Return whether who was invited by Bob can come in no more, and the owners see so and who did it."""
    second, token = co_owner
    taken_back = [one["action"] for one in client.get("/audit-log", headers=bearer(alice)).json()][:2]
    refused = join(client, second, token).status_code == 403
    return refused and open_invitations(client, alice) == [] and "invitation taken back" in taken_back


def test_who_was_removed_does_not_come_back_by_an_invitation_of_their_own(client, alice, bob, co_owner):
    assert [one["invited_by"] for one in open_invitations(client, alice)] == [bob["user"]["id"]]
    assert client.delete(f"/households/members/{bob['user']['id']}", headers=bearer(alice)).status_code == 204
    assert is_shut_out(client, alice, co_owner)


def test_who_leaves_leaves_no_invitation_behind(client, alice, bob, co_owner):
    headers = bearer(bob, household_of(client, alice))
    assert client.delete(f"/households/members/{bob['user']['id']}", headers=headers).status_code == 204
    assert is_shut_out(client, alice, co_owner)


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_who_is_owner_no_more_has_invited_nobody_even_when_made_owner_again(client, alice, bob, co_owner, role):
    path = f"/households/members/{bob['user']['id']}"
    for one in (role, "owner"):
        assert client.patch(path, json={"role": one}, headers=bearer(alice)).json()["role"] == one
    assert open_invitations(client, alice) == []
    assert join(client, *co_owner).status_code == 403


def test_an_owner_who_stays_one_keeps_their_invitations(client, alice, bob, co_owner):
    path = f"/households/members/{bob['user']['id']}"
    assert client.patch(path, json={"role": "owner"}, headers=bearer(alice)).status_code == 200
    assert join(client, *co_owner).json()["role"] == "owner"


def test_others_invitations_and_those_into_other_households_stay(client, alice, bob, co_owner):
    assert co_owner
    invite(client, alice, "kim@example.org")
    invite(client, bob, "kim@example.org")  # into his own household
    assert client.delete(f"/households/members/{bob['user']['id']}", headers=bearer(alice)).status_code == 204
    assert [one["email"] for one in open_invitations(client, alice)] == ["kim@example.org"]
    assert [one["email"] for one in open_invitations(client, bob)] == ["kim@example.org"]


def test_an_operator_ends_them_too(app, client, alice, co_owner):
    household = household_of(client, alice)
    with app.database.write() as unit_of_work:
        people.set_role(unit_of_work, "bob@example.org", "viewer", Operator("root"), household)
    assert is_shut_out(client, alice, co_owner)


def test_who_is_disabled_has_invited_nobody(app, client, alice, co_owner):
    with app.database.write() as unit_of_work:
        people.disable(unit_of_work, "bob@example.org", Operator("root"))
    assert is_shut_out(client, alice, co_owner)
    with app.database.write() as unit_of_work:
        people.enable(unit_of_work, "bob@example.org")
    assert join(client, *co_owner).status_code == 403


def test_an_invitation_that_was_written_while_its_owner_was_removed_counts_for_nothing(app, client, alice, bob):
    """As one of a version that took none back."""
    invite(client, alice)
    (mail,) = mails_of(app)
    execute(app, "UPDATE invitations SET invited_by = :bob", bob=bob["user"]["id"])
    assert open_invitations(client, alice) == []
    assert join(client, bob, token_in(mail, "invitation")).status_code == 403


@pytest.fixture
def kim(app, client):
    """Somebody else, whose address is confirmed."""
    made = register(client, "kim")
    (mail,) = mails_of(app)
    confirm(client, mail)
    return made


def test_an_invitation_is_for_the_address_that_it_went_to(app, client, alice, bob, kim):
    """A link that was passed on or overheard makes nobody an owner; whose it is can still use it."""
    invite(client, alice, role="owner")
    (mail,) = mails_of(app)
    token = token_in(mail, "invitation")
    refused = join(client, kim, token)
    assert (refused.status_code, refused.json()["error"]) == (403, "ForbiddenError")
    told = refused.json()["message"]
    assert ("b…@example.org" in told, "you are kim@example.org" in told, "bob" in told) == (True, True, False)
    assert join(client, bob, token).status_code == 200


def test_who_registers_with_the_invited_address_joins_at_once_and_has_confirmed_it(app, client, alice):
    """The link went there, as one for a new password would."""
    invite(client, alice, "kim@example.org", role="owner")
    (mail,) = mails_of(app)
    kim = register(client, "kim")
    assert rows(app, "SELECT email_verified_at FROM users WHERE name = 'Kim'") == [(None,)]
    assert join(client, kim, token_in(mail, "invitation")).json()["role"] == "owner"
    assert rows(app, "SELECT email_verified_at FROM users WHERE name = 'Kim'") != [(None,)]


def test_who_has_no_address_joins_by_the_link_but_not_as_owner(app, client, alice, bob):
    """An outside issuer need not tell one, Clerk does not by itself."""
    execute(app, "UPDATE users SET email = :none WHERE name = 'Bob'", none=f"x{NO_ADDRESS}")
    for role in ("owner", "member"):
        invite(client, alice, role=role)
    owner, member = (token_in(mail, "invitation") for mail in mails_of(app))
    refused = join(client, bob, owner)
    assert (refused.status_code, "invited as member" in refused.json()["message"]) == (403, True)
    assert join(client, bob, member).json()["role"] == "member"


def test_the_answer_of_an_earlier_version_is_repeated_with_who_invited(app, client, alice):
    headers, body = bearer(alice) | {"Idempotency-Key": "k"}, {"email": "bob@example.org", "role": "viewer"}
    first = client.post("/households/invitations", json=body, headers=headers).json()
    ((kept,),) = rows(app, "SELECT answer FROM idempotency_keys")
    old = json.loads(kept)
    assert old.pop("invited_by") == alice["user"]["id"]
    execute(app, "UPDATE idempotency_keys SET answer = :old", old=json.dumps(old))
    assert client.post("/households/invitations", json=body, headers=headers).json() == first


def test_a_member_neither_invites_nor_changes_roles(client, alice, bob, shared):
    headers = bearer(bob, shared)
    alice_id = alice["user"]["id"]
    body = {"email": "c@example.org"}
    assert client.post("/households/invitations", json=body, headers=headers).status_code == 403
    assert client.get("/audit-log", headers=headers).status_code == 403
    assert client.patch(f"/households/members/{alice_id}", json={"role": "viewer"}, headers=headers).status_code == 403
    assert client.delete(f"/households/members/{alice_id}", headers=headers).status_code == 403


def test_who_is_a_member_cannot_be_invited_again(client, alice, shared):
    assert shared
    assert invite(client, alice).status_code == 409


def test_an_unknown_role_is_answered_with_the_allowed_ones(client, alice):
    answer = invite(client, alice, role="boss")
    assert answer.status_code == 422
    assert all(role in answer.json()["message"] for role in ("owner", "member", "viewer"))


def test_invitations_are_limited_by_household(app, client, alice):
    answers = [invite(client, alice, f"p{number}@example.org") for number in range(INVITE_OF_HOUSEHOLD.burst + 1)]
    assert [answer.status_code for answer in answers] == [201] * INVITE_OF_HOUSEHOLD.burst + [429]
    assert len(mails_of(app)) == INVITE_OF_HOUSEHOLD.burst


def test_one_person_is_not_flooded_with_mail(app, client, alice):
    answers = [invite(client, alice, "victim@example.org").status_code for _ in range(12)]
    assert answers == [201] * 10 + [429] * 2
    assert len(mails_of(app)) == len(rows(app, "SELECT id FROM invitations")) == 10


def test_the_last_owner_neither_leaves_nor_steps_down(client, alice, bob, shared):
    assert shared
    alice_path, bob_path = (f"/households/members/{one['user']['id']}" for one in (alice, bob))
    assert client.delete(alice_path, headers=bearer(alice)).status_code == 409
    assert client.patch(alice_path, json={"role": "viewer"}, headers=bearer(alice)).status_code == 409
    assert client.patch(bob_path, json={"role": "owner"}, headers=bearer(alice)).json()["role"] == "owner"
    assert client.patch(alice_path, json={"role": "viewer"}, headers=bearer(alice)).json()["role"] == "viewer"


def test_who_was_removed_is_a_stranger_at_once_and_so_are_their_keys(client, alice, bob, shared):
    key = make_key(client, bearer(bob, shared)).json()["key"]
    assert client.get("/households/members", headers={"x-api-key": key}).status_code == 200
    assert client.delete(f"/households/members/{bob['user']['id']}", headers=bearer(alice)).status_code == 204
    assert client.get("/households/members", headers={"x-api-key": key}).status_code == 401
    assert client.get("/households/members", headers=bearer(bob, shared)).status_code == 404


def test_a_household_of_others_is_not_found(client, alice, bob):
    foreign = household_of(client, alice)
    assert client.get("/households/members", headers=bearer(bob, foreign)).status_code == 404
    assert client.get("/households/members", headers=bearer(bob, "made up")).status_code == 404
    path = f"/households/members/{alice['user']['id']}"
    assert client.delete(path, headers=bearer(bob)).status_code == 404


def test_a_key_acts_for_its_maker_within_its_scopes_and_is_shown_once(app, client, alice):
    made = make_key(client, bearer(alice)).json()
    assert client.get("/auth/me", headers={"x-api-key": made["key"]}).json() == alice["user"]
    (listed,) = client.get("/api-keys", headers=bearer(alice)).json()
    assert listed["scopes"] == ["read"]
    assert listed["last_used_at"] >= listed["created_at"]
    assert "key" not in listed
    assert made["key"].startswith(listed["hint"])
    assert made["key"] not in str(rows(app, "SELECT * FROM api_keys"))


def test_a_key_makes_no_keys_and_manages_nobody(client, alice):
    key = make_key(client, bearer(alice), ("read", "write", "manage")).json()["key"]
    headers = {"x-api-key": key}
    assert make_key(client, headers).status_code == 403
    assert client.get("/api-keys", headers=headers).status_code == 403
    assert client.get("/audit-log", headers=headers).status_code == 403
    assert client.post("/auth/logout", headers=headers).status_code == 403


def test_two_keys_are_active_at_most_so_that_one_can_follow_the_other(client, alice):
    first, second = (make_key(client, bearer(alice)).json() for _ in range(2))
    assert make_key(client, bearer(alice)).status_code == 409
    assert client.delete(f"/api-keys/{first['id']}", headers=bearer(alice)).status_code == 204
    assert client.get("/auth/me", headers={"x-api-key": first["key"]}).status_code == 401
    assert client.get("/auth/me", headers={"x-api-key": second["key"]}).status_code == 200
    assert make_key(client, bearer(alice)).status_code == 201


def test_a_key_is_never_more_than_its_maker(client, bob, shared):
    assert make_key(client, bearer(bob, shared), ("manage",)).status_code == 403
    assert make_key(client, bearer(bob, shared), ("fly",)).status_code == 422


def test_others_keys_are_neither_seen_nor_revoked(client, alice, bob, shared):
    made = make_key(client, bearer(alice)).json()
    headers = bearer(bob, shared)
    assert client.get("/api-keys", headers=headers).json() == []
    assert client.delete(f"/api-keys/{made['id']}", headers=headers).status_code == 404


def test_a_key_whose_answer_was_lost_is_made_again_with_another_secret(app, client, alice):
    headers = bearer(alice) | {"Idempotency-Key": "k"}
    lost, again, once_more = (make_key(client, headers).json() for _ in range(3))
    assert {one["id"] for one in client.get("/api-keys", headers=bearer(alice)).json()} == {once_more["id"]}
    for one in (lost, again):
        assert client.get("/auth/me", headers={"x-api-key": one["key"]}).status_code == 401
    assert client.get("/auth/me", headers={"x-api-key": once_more["key"]}).json() == alice["user"]
    assert once_more["key"].startswith(once_more["hint"])
    assert not [
        one for one in (lost, again, once_more) if one["key"] in str(rows(app, "SELECT * FROM idempotency_keys"))
    ]


def test_a_key_that_was_used_or_revoked_is_not_made_again(client, alice):
    headers = bearer(alice) | {"Idempotency-Key": "k"}
    made = make_key(client, headers).json()
    assert client.get("/auth/me", headers={"x-api-key": made["key"]}).status_code == 200
    assert make_key(client, headers).status_code == 409
    assert client.get("/auth/me", headers={"x-api-key": made["key"]}).status_code == 200
    client.delete(f"/api-keys/{made['id']}", headers=bearer(alice))
    answer = make_key(client, headers)
    assert (answer.status_code, "another Idempotency-Key" in answer.json()["message"]) == (409, True)
    assert make_key(client, bearer(alice) | {"Idempotency-Key": "l"}).status_code == 201


def test_the_same_key_of_another_member_is_that_of_another_request(client, alice, bob, shared):
    first = make_key(client, bearer(alice) | {"Idempotency-Key": "k"}).json()
    assert make_key(client, bearer(bob, shared) | {"Idempotency-Key": "k"}).status_code == 422
    assert client.get("/auth/me", headers={"x-api-key": first["key"]}).status_code == 200


def test_an_invitation_that_is_sent_again_is_one(app, client, alice):
    headers, body = bearer(alice) | {"Idempotency-Key": "k"}, {"email": "bob@example.org", "role": "viewer"}
    first, again = (client.post("/households/invitations", json=body, headers=headers) for _ in range(2))
    assert (again.status_code, again.json()) == (201, first.json())
    assert client.get("/households/invitations", headers=bearer(alice)).json() == [first.json()]
    assert len(mails_of(app)) == 1
    assert client.post("/households/invitations", json=body | {"role": "owner"}, headers=headers).status_code == 422


def test_who_joins_again_with_the_same_request_has_joined_once(app, client, alice, bob):
    invite(client, alice)
    (mail,) = mails_of(app)
    headers, body = bearer(bob) | {"Idempotency-Key": "k"}, {"token": token_in(mail, "invitation")}
    first, again = (client.post("/households/join", json=body, headers=headers) for _ in range(2))
    assert (again.status_code, again.json()) == (200, first.json())
    assert client.post("/households/join", json=body, headers=bearer(bob)).status_code == 403


def test_what_was_done_is_in_the_audit_log_newest_first(client, alice, bob, shared):
    assert shared
    make_key(client, bearer(alice))
    client.post("/auth/login", json={"email": "alice@example.org", "password": "wrong horse"})
    entries = client.get("/audit-log", headers=bearer(alice)).json()
    assert [one["action"] for one in entries] == ["login failed", "API key made", "joined", "invited", "registered"]
    assert entries[2]["user_id"] == bob["user"]["id"]
    assert {one["address"] for one in entries} == {"testclient"}
    assert "x-next-cursor" not in client.get("/audit-log", headers=bearer(alice)).headers
    found, path = [], "/audit-log?limit=2"
    while path:
        page = client.get(path, headers=bearer(alice))
        found.append(page.json())
        path = page.headers.get("link", "<>").partition(">")[0][1:]
    assert found == [entries[:2], entries[2:4], entries[4:]]
    for wrong in ("cursor=x", "cursor=~", "limit=501", "limit=0", "since=soon", f"action={'x' * 65}", "before=x"):
        assert client.get(f"/audit-log?{wrong}", headers=bearer(alice)).status_code == 422, wrong
