"""People with any role or none, what they are let in with, and things that are there to be used up once."""

import secrets
from dataclasses import dataclass

from cloud.accounts.model import User, token_hash
from cloud.accounts.repository import AccountRepository, TokenRepository
from cloud.accounts.service import add_user_with_household
from cloud.accounts.sharing.model import ApiKey, Invitation
from cloud.accounts.sharing.repository import ApiKeyRepository, SharingRepository
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.ports.event_queue import Event
from cloud.web.pages.site import SESSION_COOKIE
from tests.databases import execute
from tests.unit.cloud.api.strangers import bearer
from tests.unit.cloud.messages import jpeg

DAY_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a household of their own, and a token of a login."""

    user: User
    home: str
    token: str


def person(stage, role=None):
    """Return somebody new, of a confirmed address, who knows the owner's password; with a role in the household too."""
    name = f"p{secrets.token_hex(8)}"
    with stage.app.database.write() as unit_of_work:
        accounts = AccountRepository(unit_of_work)
        made = add_user_with_household(unit_of_work, f"{name}@example.org", name)
        known = accounts.credentials("owner@example.org").password_hash
        accounts.change_user(made.user.id, password_hash=known, email_verified_at=unit_of_work.now)
        if role:
            accounts.add_member(stage.ids["household_id"], made.user.id, role)
    return Person(made.user, made.household_id, log_in(stage, made.user.id)[0])


def log_in(stage, user_id):
    """Return the access token and the refresh token of a new login."""
    refresh = secrets.token_urlsafe()
    with stage.app.database.write() as unit_of_work:
        tokens, now, family_id = TokenRepository(unit_of_work), unit_of_work.now, unit_of_work.new_id()
        tokens.add_family(family_id, user_id, now, now + DAY_MS)
        tokens.add_refresh(token_hash(refresh), family_id, now)
    return stage.app.ports.token_issuer.issue(user_id, family_id).token, refresh


def give_role(stage, one, role):
    """Give somebody of the household another role."""
    with stage.app.database.write() as unit_of_work:
        SharingRepository(unit_of_work).change_role(stage.ids["household_id"], one.user.id, role)


def leave(stage, one, household_id):
    """Take somebody out of a household, with nothing that follows from it."""
    with stage.app.database.write() as unit_of_work:
        SharingRepository(unit_of_work).end_membership(household_id, one.user.id)


def browser(stage, one, lasts_ms=DAY_MS, household_id=None):
    """Return the headers of a browser that somebody is logged in with, and looks at one of their households."""
    session = secrets.token_urlsafe()
    with stage.app.database.write() as unit_of_work:
        accounts = AccountRepository(unit_of_work)
        accounts.add_session(token_hash(session), one.user.id, unit_of_work.now + lasts_ms)
        if household_id:
            accounts.set_household(token_hash(session), household_id)
    return {"Cookie": f"{SESSION_COOKIE}={session}"}


def key(stage, one, scopes, household_id=None):
    """Return the headers of a program with somebody's API key for the household, used before."""
    return used_key(stage, one, scopes, household_id)[0]


def used_key(stage, one, scopes, household_id=None):
    """Return the same, and the key's id."""
    secret = secrets.token_urlsafe()
    key_id = new_key(stage, one, scopes, household_id or stage.ids["household_id"], secret)
    headers = {"x-api-key": secret}
    stage.client.get("/auth/me", headers=headers)  # its first use is noted
    return headers, key_id


def new_key(stage, one, scopes, household_id, secret):
    """Return the id of a new API key."""
    with stage.app.database.write() as unit_of_work:
        made = ApiKey(unit_of_work.new_id(), household_id, one.user.id, "k", "k", scopes, unit_of_work.now, None, None)
        ApiKeyRepository(unit_of_work).add_key(made, token_hash(secret))
    return made.id


def inside(stage):
    """Return the header that chooses the household."""
    return {"x-household": stage.ids["household_id"]}


def fresh(stage, names, one):
    """Return the ids of these things, each made anew, for somebody who is to be let in."""
    return {name: _MAKERS[name](stage, one) for name in names.split()}


def forget_allowances(stage):
    """Let everybody ask as if they had not asked before."""
    execute(stage.app, "DELETE FROM buckets")


def park(stage):
    """Return the id of something of the household that could not be done, and can be tried again."""
    with stage.app.database.write() as unit_of_work:
        event = Event("images_announced", stage.ids["household_id"], unit_of_work.new_id())
        stage.app.queue.put(unit_of_work, "settle_episode", event)
    job = stage.app.queue.lease(("settle_episode",), 60_000)
    with stage.app.database.write() as unit_of_work:
        assert stage.app.queue.fail(unit_of_work, job, "expected a model, got none")
    return job.job_id


def _posted(path, **body):
    def make(stage, _):
        filled = {name: stage.ids["device_id"] if name == "device_id" else value for name, value in body.items()}
        return stage.client.post(path, json=filled, headers=bearer(stage.token)).json()["id"]

    return make


def _image(stage, _):
    files = {"file": ("letter.jpg", jpeg(secrets.randbelow(256), (64, 40 + secrets.randbelow(60))), "image/jpeg")}
    form = {"device_id": str(stage.ids["device_id"])}
    return stage.client.post("/mailbox/images", data=form, files=files, headers=bearer(stage.token)).json()["id"]


def _code(stage, _):
    code = claim_code(secrets.token_bytes(CODE_BYTES))
    with stage.app.database.write() as unit_of_work:
        provision_unclaimed(unit_of_work, stage.app.authority, "board", code)
    return code


def _invitation_elsewhere(stage, one):
    """Return the token of an invitation into a household that somebody else has."""
    host, token = person(stage), secrets.token_urlsafe()
    with stage.app.database.write() as unit_of_work:
        now = unit_of_work.now
        made = Invitation(
            unit_of_work.new_id(), host.home, one.user.email, "viewer", host.user.id, now, now + DAY_MS, None
        )
        SharingRepository(unit_of_work).add_invitation(made, token_hash(token))
    return token


_device = _posted("/devices", name="Fresh")
_MAKERS = {
    "device_id": _device,
    "number": _device,
    "entry_id": lambda stage, _: park(stage),
    "event_id": _posted("/mailbox/events", device_id=0, event_type="open"),
    "image_id": _image,
    "notification_id": _posted("/mailbox/notifications", device_id=0, notification_type="open"),
    "invitation_id": _posted("/households/invitations", email="fresh@example.org", role="viewer"),
    "user_id": lambda stage, _: person(stage, "viewer").user.id,
    "key_id": lambda stage, one: new_key(stage, one, "read", stage.ids["household_id"], secrets.token_urlsafe()),
    "code": _code,
    "token": _invitation_elsewhere,
    "elsewhere": lambda _, one: one.home,
}
