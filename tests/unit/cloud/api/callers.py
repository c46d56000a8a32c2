"""Everybody who may come, in groups, each with what a route is to answer them."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cloud.accounts.sharing.audit import Operator
from cloud.operations.people import disable
from cloud.web.pages.site import SESSION_COOKIE
from tests.unit.cloud.api.people import (
    Person,
    browser,
    give_role,
    inside,
    key,
    leave,
    log_in,
    person,
    used_key,
)
from tests.unit.cloud.api.routes import OF_ROLE, Row
from tests.unit.cloud.api.strangers import PASSWORD, bearer, forgeries

SCOPES = ("read", "write", "manage")
ALL = " ".join(SCOPES)
SOME_SCOPES = [" ".join(name for place, name in enumerate(SCOPES) if chosen >> place & 1) for chosen in range(1, 8)]
SAFE = {"get", "head"}
# What a browser says of where a request was sent from, where that is not a page of ours.
ELSEWHERE = {
    "another site": {"sec-fetch-site": "cross-site"},
    "another host of this site": {"sec-fetch-site": "same-site"},
    "another origin": {"origin": "https://evil.example"},
    "no origin": {"origin": "null"},
    "this name without its port": {"origin": "http://localhost"},
}
Answers = Callable[[str, Row], int]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody, what they come with, and the status that a method of a row is to answer them."""

    name: str
    headers: dict[str, str]
    expected: Answers
    who: Person | None = None


def refused(status: int) -> Answers:
    """Return that nothing is answered but this."""
    return lambda _method, _row: status


def let_in(role: str, scopes: str | None = None) -> Answers:
    """Return what somebody of the household is answered, by an API key with ``scopes`` if they use one."""

    def expected(_method: str, row: Row) -> int:
        allowed = OF_ROLE[role] if scopes is None else OF_ROLE[role] & set(scopes.split())
        closed = row.person and scopes is not None
        return row.done if {row.scope, row.needs or row.scope} <= allowed and not closed else 403

    return expected


def outside(scopes: str | None = None) -> Answers:
    """Return what the owner of another household is answered, by an API key with ``scopes`` if they use one."""

    def expected(_method: str, row: Row) -> int:
        if scopes is not None and (row.person or row.scope not in scopes.split()):
            return 403
        return row.foreign or row.done

    return expected


def from_elsewhere(inner: Answers) -> Answers:
    """Return what a logged-in browser is answered when another website lets it ask: it may look, not act."""
    return lambda method, row: inner(method, row) if method in SAFE else 403


def without_credentials(_stage):
    return [Caller("nobody", {}, refused(401))]


def with_what_is_none(stage):
    """Come with what no server has given out, or not as that."""
    good, owner = bearer(stage.token), person(stage, "owner")
    session, api_key = browser(stage, owner), key(stage, owner, "read write manage")
    made_up = {
        "a session that was made up": {"Cookie": f"{SESSION_COOKIE}={secrets.token_urlsafe()}"},
        "an API key that was made up": {"x-api-key": secrets.token_urlsafe()},
        "a refresh token as a token": bearer(log_in(stage, owner.user.id)[1]),
        "an API key as a token": bearer(api_key["x-api-key"]),
        "a session as a token": bearer(session["Cookie"].partition("=")[2]),
        "a token as an API key": {"x-api-key": owner.token},
        "a token as a session": {"Cookie": f"{SESSION_COOKIE}={owner.token}"},
        "address and password": {"Authorization": _basic(owner.user.email, PASSWORD)},
        "a good token after another word": {"Authorization": good["Authorization"].replace("Bearer", "Token")},
        "a bad token beside a good key": bearer("null") | api_key,
        "a bad token beside a good session": bearer("null") | session,
        "a bad key beside a good session": {"x-api-key": "null"} | session,
    } | {name: bearer(token) for name, token in forgeries(stage).items()}
    return [Caller(name, headers, refused(401)) for name, headers in made_up.items()]


def with_what_has_ended(stage):
    """Come with what was good before."""
    out, gone, barred, homeless = (person(stage, "owner") for _ in range(4))
    ended, of_gone, of_barred = browser(stage, out), key(stage, gone, ALL), key(stage, barred, ALL)
    revoked, revoked_id = used_key(stage, person(stage, "owner"), ALL)
    for headers in (ended, bearer(out.token)):
        assert stage.client.post("/auth/logout", headers=headers).status_code == 200
    for path in (f"/households/members/{gone.user.id}", f"/api-keys/{revoked_id}"):
        assert stage.client.delete(path, headers=bearer(stage.token)).status_code == 204
    with stage.app.database.write() as unit_of_work:
        disable(unit_of_work, barred.user.email, Operator("root"))
    leave(stage, homeless, stage.ids["household_id"])
    leave(stage, homeless, homeless.home)
    old = {
        "a session that has ended": ended,
        "a session that has expired": browser(stage, person(stage, "owner"), lasts_ms=-1),
        "a login that has ended": bearer(out.token),
        "a revoked API key": revoked,
        "the key of who was removed": of_gone,
        "the key of a disabled account": of_barred,
        "the login of a disabled account": bearer(log_in(stage, barred.user.id)[0]),
        "the session of a disabled account": browser(stage, barred),
        "the login of an account without a household": bearer(homeless.token),
        "the session of an account without a household": browser(stage, homeless),
    }
    return [Caller(name, headers, refused(401)) for name, headers in old.items()]


def members(stage):
    """Come as somebody of the household, with a token and with a browser."""
    found = []
    for role in OF_ROLE:
        by_token, by_browser = person(stage, role), person(stage, role)
        headers = bearer(by_token.token) | inside(stage)
        found.append(Caller(role, headers, let_in(role), by_token))
        headers = browser(stage, by_browser) | inside(stage)
        found.append(Caller(f"{role} with a browser", headers, let_in(role), by_browser))
    return found


def programs(stage):
    """Come with an API key of each set of scopes, whoever made it and whatever they are now."""
    found = [_program(stage, "owner", scopes) for scopes in SOME_SCOPES]
    found += [_program(stage, role, ALL) for role in OF_ROLE if role != "owner"]
    for role in OF_ROLE:
        who = person(stage, "owner")
        headers = key(stage, who, ALL)
        give_role(stage, who, role)
        found.append(Caller(f"key of an owner who is {role} now", headers, let_in(role, ALL), who))
    return found


def of_another_household(stage):
    """Come as the owner of another household, who asks for things of this one."""
    one, second, invited, former = person(stage), person(stage), person(stage), person(stage, "owner")
    leave(stage, former, stage.ids["household_id"])
    body = {"email": invited.user.email, "role": "owner"}
    assert stage.client.post("/households/invitations", json=body, headers=bearer(stage.token)).status_code == 201
    found = [
        Caller("another household's owner", bearer(one.token), outside(), one),
        Caller("another household's owner with a browser", browser(stage, second), outside(), second),
        Caller("somebody who is invited", bearer(invited.token), outside(), invited),
        Caller("somebody who was removed", bearer(former.token), outside(), former),
    ]
    for scopes in SOME_SCOPES:
        host = person(stage)
        headers = key(stage, host, scopes, host.home)
        found.append(Caller(f"another household's key: {scopes}", headers, outside(scopes), host))
    # A key is its household's whatever it asks for.
    headers = key(stage, one, ALL, one.home) | inside(stage)
    found.append(Caller("another household's key that chooses this one", headers, outside(ALL), one))
    return found


def choosing_this_household(stage):
    """Come as somebody who is not in this household, and says that they want to act in it."""
    one, former = person(stage), person(stage, "owner")
    leave(stage, former, stage.ids["household_id"])
    ways = {
        "by token": bearer(one.token),
        "by a browser": browser(stage, one),
        "removed, by token": bearer(former.token),
        "removed, by a browser": browser(stage, former),
    }
    return [Caller(name, headers | inside(stage), refused(404)) for name, headers in ways.items()]


def from_another_website(stage):
    """Come with an owner's browser that another website lets ask (CSRF)."""
    return _of_another_website(stage, lambda who: browser(stage, who) | inside(stage))


GROUPS = {
    "nobody": without_credentials,
    "what is no credential": with_what_is_none,
    "what has ended": with_what_has_ended,
    "members": members,
    "API keys": programs,
    "another household": of_another_household,
    "x-household of another": choosing_this_household,
    "another website": from_another_website,
}


def browsers_that_are_none(stage):
    """Come to the pages with what lets nobody in there."""
    out, barred, homeless = (person(stage, "owner") for _ in range(3))
    ended = browser(stage, out)
    assert stage.client.post("/auth/logout", headers=ended).status_code == 200
    with stage.app.database.write() as unit_of_work:
        disable(unit_of_work, barred.user.email, Operator("root"))
    leave(stage, homeless, stage.ids["household_id"])
    leave(stage, homeless, homeless.home)
    owner = person(stage, "owner")
    ways = {
        "nobody": {},
        "a session that was made up": {"Cookie": f"{SESSION_COOKIE}={secrets.token_urlsafe()}"},
        "a token as a session": {"Cookie": f"{SESSION_COOKIE}={owner.token}"},
        "a token, for programs": bearer(owner.token) | inside(stage),
        "an API key, for programs": key(stage, owner, ALL),
        "a session that has ended": ended,
        "a session that has expired": browser(stage, owner, lasts_ms=-1),
        "the session of a disabled account": browser(stage, barred),
        "the session of an account without a household": browser(stage, homeless),
    }
    return [Caller(name, headers, refused(401)) for name, headers in ways.items()]


def browsers_of_members(stage):
    """Come to the pages as somebody of the household, looking at it."""
    callers = []
    for role in OF_ROLE:
        who = person(stage, role)
        headers = browser(stage, who, household_id=stage.ids["household_id"])
        callers.append(Caller(role, headers, let_in(role), who))
    return callers


def browsers_of_another_household(stage):
    """Come to the pages as somebody who is not in the household, also as one who says so or was before."""
    one, chooser, former = person(stage), person(stage), person(stage, "owner")
    looked = browser(stage, former, household_id=stage.ids["household_id"])
    leave(stage, former, stage.ids["household_id"])
    return [
        Caller("another household's owner", browser(stage, one), outside(), one),
        Caller("with x-household", browser(stage, chooser) | inside(stage), outside(), chooser),
        Caller("somebody who was removed", looked, outside(), former),
    ]


def browsers_from_another_website(stage):
    """Come to the pages with an owner's browser that another website sends (CSRF)."""
    return _of_another_website(stage, lambda who: browser(stage, who, household_id=stage.ids["household_id"]))


AT_PAGES = {
    "pages: no session": browsers_that_are_none,
    "pages: members": browsers_of_members,
    "pages: another household": browsers_of_another_household,
    "pages: another website": browsers_from_another_website,
}


def _of_another_website(stage, headers_of):
    """Return owners whose browsers have these headers, and those by which a browser says who lets it ask."""
    owners = [(name, said, person(stage, "owner")) for name, said in ELSEWHERE.items()]
    return [Caller(name, headers_of(who) | said, from_elsewhere(let_in("owner")), who) for name, said, who in owners]


def _program(stage, role, scopes):
    who = person(stage, role)
    return Caller(f"key of an {role}: {scopes}", key(stage, who, scopes), let_in(role, scopes), who)


def _basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
