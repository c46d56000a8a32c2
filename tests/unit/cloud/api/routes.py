"""Every route that the application describes, what it asks for, and a request that its household could send."""

from dataclasses import dataclass, field

from tests.unit.cloud.messages import jpeg

OPEN_TO_ALL = {
    *(("get", path) for path in ("/.well-known/jwks.json", "/health", "/healthz", "/readyz")),
    *(("post", f"/auth/{path}") for path in ("register", "login", "refresh", "email/confirm")),
    *(("post", f"/auth/password/{path}") for path in ("forgot", "reset")),
    ("put", "/uploads/{upload_id}"),  # its address is signed
    ("get", "/firmware/{sha256}"),  # boards have no token, and what they fetch is signed
}
READ, WRITE, MANAGE = "read", "write", "manage"
OF_ROLE = {"viewer": {READ}, "member": {READ, WRITE}, "owner": {READ, WRITE, MANAGE}}


@dataclass(frozen=True, slots=True)
class Row:
    """What a route asks for, and a request that its household could send.

    ``done`` is answered to who is let in; ``fresh`` names what is made anew for each of them, for it is used up or
    changed. ``needs`` is the scope that the request needs where it is about others, and the route asks for less.
    ``foreign`` is what another household's owner gets for it: a refusal, 200 with nothing of this household in it, or 0
    where the same as the household: it is about the caller alone.
    """

    scope: str
    person: bool = False
    foreign: int = 404
    query: dict = field(default_factory=dict)
    json: dict | None = None
    form: dict | None = None
    done: int = 200
    fresh: str = ""
    needs: str = ""


DEVICE = {"device_id": "{device_id}"}
FORM = {"name": "Taken", "email": "taken@example.org", "password": "correct horse", "role": "owner", "token": "x" * 43}
OPENING = {"event_type": "open"}
ROWS = {
    ("get", "/devices"): Row(READ, foreign=200),
    ("post", "/devices"): Row(WRITE, foreign=200, json={"name": "New"}),
    ("post", "/devices/claim"): Row(MANAGE, json={"code": "{code}"}, fresh="code"),
    ("get", "/devices/{device_id}"): Row(READ),
    ("put", "/devices/{device_id}"): Row(WRITE, json={"name": "New"}, fresh="device_id"),
    ("delete", "/devices/{device_id}"): Row(MANAGE, fresh="device_id"),
    ("patch", "/devices/{device_id}/status"): Row(WRITE, json={"is_active": False}, fresh="device_id"),
    ("post", "/devices/{device_id}/heartbeat"): Row(WRITE),
    ("post", "/devices/{device_id}/health"): Row(WRITE, json={"battery_level": 1}),
    ("get", "/devices/{device_id}/health"): Row(READ),
    ("get", "/devices/{device_id}/settings"): Row(READ),
    ("put", "/devices/{device_id}/settings"): Row(WRITE, json={"check_interval": 1}, fresh="device_id"),
    ("get", "/devices/{device_id}/summary"): Row(READ),
    ("post", "/devices/{device_id}/move"): Row(
        MANAGE, person=True, json={"household_id": "{elsewhere}"}, fresh="device_id elsewhere"
    ),
    ("get", "/claim-codes"): Row(MANAGE, person=True, foreign=200),
    ("post", "/claim-codes/{thing}"): Row(MANAGE, person=True),
    ("get", "/dashboard/{clerk_id}"): Row(READ, foreign=200),
    ("get", "/device/lookup"): Row(READ, query={"serial_id": "Drive"}),
    ("get", "/mailbox/events"): Row(READ, query=DEVICE),
    ("post", "/mailbox/events"): Row(WRITE, json=DEVICE | OPENING),
    ("delete", "/mailbox/events/{event_id}"): Row(WRITE, fresh="event_id"),
    ("get", "/mailbox/episodes"): Row(READ, query=DEVICE),
    ("post", "/iot/report"): Row(WRITE, query={"d": "{device_id}", "e": "o"}),
    ("get", "/mailbox/images"): Row(READ, query=DEVICE),
    ("post", "/mailbox/images"): Row(WRITE, form=DEVICE),
    ("get", "/mailbox/images/latest"): Row(READ, query=DEVICE),
    ("delete", "/mailbox/images/{image_id}"): Row(WRITE, fresh="image_id"),
    ("get", "/mailbox/images/{image_id}/file"): Row(READ),
    ("get", "/mailbox/images/{image_id}/thumbnail"): Row(READ),
    ("get", "/mailbox/notifications"): Row(READ, query=DEVICE),
    ("post", "/mailbox/notifications"): Row(WRITE, json=DEVICE | {"notification_type": "open"}),
    ("delete", "/mailbox/notifications/{notification_id}"): Row(WRITE, fresh="notification_id"),
    ("get", "/live"): Row(READ, foreign=200),
    ("get", "/auth/me"): Row(READ, foreign=200),
    ("post", "/auth/logout"): Row(READ, person=True, foreign=0),
    ("post", "/auth/email"): Row(READ, person=True, foreign=0, json=FORM, done=202),
    ("get", "/households"): Row(READ, person=True, foreign=200),
    ("get", "/households/members"): Row(READ, foreign=200),
    ("patch", "/households/members/{user_id}"): Row(MANAGE, person=True, json=FORM, fresh="user_id"),
    ("delete", "/households/members/{user_id}"): Row(READ, person=True, done=204, fresh="user_id", needs=MANAGE),
    ("post", "/households/invitations"): Row(MANAGE, person=True, foreign=0, json=FORM | {"role": "viewer"}, done=201),
    ("get", "/households/invitations"): Row(MANAGE, person=True, foreign=200),
    ("delete", "/households/invitations/{invitation_id}"): Row(MANAGE, person=True, done=204, fresh="invitation_id"),
    ("post", "/households/join"): Row(READ, person=True, foreign=403, json={"token": "{token}"}, fresh="token"),
    ("post", "/api-keys"): Row(READ, person=True, foreign=0, json={"name": "k", "scopes": ["read"]}, done=201),
    ("get", "/api-keys"): Row(READ, person=True, foreign=200),
    ("delete", "/api-keys/{key_id}"): Row(READ, person=True, done=204, fresh="key_id"),
    ("get", "/audit-log"): Row(MANAGE, person=True, foreign=200),
}
# Other requests of the same routes, which name the household's things in another place; what is after # names it.
VARIANTS = {
    ("post", "/mailbox/images#query"): Row(WRITE, query=DEVICE, form={}),
    ("get", "/device/lookup#device_name"): Row(READ, query={"device_name": "Drive"}),
    ("get", "/devices#clerk_id"): Row(READ, foreign=200, query={"clerk_id": "{clerk_id}"}),
}
REQUESTS = ROWS | VARIANTS


def filled(stage, values, **fresh):
    """Return the values with the household's ids in place of their names, or with fresher ones."""
    named = {f"{{{name}}}": value for name, value in (stage.ids | fresh).items()}
    return {key: named.get(value, value) if isinstance(value, str) else value for key, value in values.items()}


def row_of(route):
    """Return the row of a request; HEAD is asked as GET is."""
    method, path = route
    return REQUESTS["get" if method == "head" else method, path]


def ask(stage, route, headers, **fresh):
    """Send the request of a row."""
    method, path = route
    row, options = row_of(route), {}
    if row.json is not None:
        options["json"] = filled(stage, row.json, **fresh)
    if row.form is not None:
        options["data"] = {name: str(value) for name, value in filled(stage, row.form, **fresh).items()}
        options["files"] = {"file": ("letter.jpg", jpeg(), "image/jpeg")}
    query, path = filled(stage, row.query, **fresh), path.partition("#")[0].format(**stage.ids | fresh)
    return stage.client.request(method, path, params=query, headers=headers, **options)
