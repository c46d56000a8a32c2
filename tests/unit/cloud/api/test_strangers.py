"""Every route that the application describes, tried by every kind of stranger: a matrix made from its own description.

A new route that has no row here fails ``test_every_route_has_a_row``.
"""

from dataclasses import dataclass, field

import pytest

from cloud.tables import metadata
from tests.unit.cloud.api.strangers import bearer, without_entry
from tests.unit.cloud.messages import jpeg, rows

OPEN_TO_ALL = {
    *(("get", path) for path in ("/.well-known/jwks.json", "/health", "/healthz", "/readyz")),
    *(("post", f"/auth/{path}") for path in ("register", "login", "refresh", "email/confirm")),
    *(("post", f"/auth/password/{path}") for path in ("forgot", "reset")),
    ("put", "/uploads/{upload_id}"),  # its address is signed
    ("get", "/firmware/{sha256}"),  # boards have no token, and what they fetch is signed
}
READ, WRITE, MANAGE = "read", "write", "manage"
OF_ROLE = {"viewer": {READ}, "member": {READ, WRITE}}
UNTOUCHED = sorted(set(metadata.tables) - {"buckets"})


@dataclass(frozen=True, slots=True)
class Row:
    """What a route asks for, and a request that its household could send.

    ``foreign`` is what another household's owner gets for it: 404, or 200 with nothing of this household in it.
    """

    scope: str
    person: bool = False
    foreign: int = 404
    query: dict = field(default_factory=dict)
    json: dict | None = None
    form: dict | None = None


DEVICE = {"device_id": "{device_id}"}
FORM = {"name": "Taken", "email": "taken@example.org", "password": "correct horse", "role": "owner", "token": "x" * 43}
ROWS = {
    ("get", "/devices"): Row(READ, foreign=200),
    ("post", "/devices"): Row(WRITE, foreign=200, json={"name": "New"}),
    ("post", "/devices/claim"): Row(MANAGE, json={"code": "AAAA-AAAA-AAAA-AAAA"}),
    ("get", "/devices/{device_id}"): Row(READ),
    ("put", "/devices/{device_id}"): Row(WRITE, json={"name": "New"}),
    ("delete", "/devices/{device_id}"): Row(MANAGE),
    ("patch", "/devices/{device_id}/status"): Row(WRITE, json={"is_active": False}),
    ("post", "/devices/{device_id}/heartbeat"): Row(WRITE),
    ("post", "/devices/{device_id}/health"): Row(WRITE, json={"battery_level": 1}),
    ("get", "/devices/{device_id}/health"): Row(READ),
    ("get", "/devices/{device_id}/settings"): Row(READ),
    ("put", "/devices/{device_id}/settings"): Row(WRITE, json={"check_interval": 1}),
    ("get", "/devices/{device_id}/summary"): Row(READ),
    ("post", "/devices/{device_id}/move"): Row(MANAGE, json={"household_id": "{household_id}"}),
    ("get", "/claim-codes"): Row(MANAGE, person=True, foreign=200),
    ("post", "/claim-codes/{thing}"): Row(MANAGE, person=True),
    ("get", "/dashboard/{clerk_id}"): Row(READ, foreign=200),
    ("get", "/device/lookup"): Row(READ, query={"serial_id": "Drive"}),
    ("get", "/mailbox/events"): Row(READ, query=DEVICE),
    ("post", "/mailbox/events"): Row(WRITE, json={"device_id": "{device_id}", "event_type": "open"}),
    ("delete", "/mailbox/events/{event_id}"): Row(WRITE),
    ("post", "/iot/report"): Row(WRITE, query={"d": "{device_id}", "e": "o"}),
    ("get", "/mailbox/images"): Row(READ, query=DEVICE),
    ("post", "/mailbox/images"): Row(WRITE, form=DEVICE),
    ("get", "/mailbox/images/latest"): Row(READ, query=DEVICE),
    ("delete", "/mailbox/images/{image_id}"): Row(WRITE),
    ("get", "/mailbox/images/{image_id}/file"): Row(READ),
    ("get", "/mailbox/images/{image_id}/thumbnail"): Row(READ),
    ("get", "/mailbox/notifications"): Row(READ, query=DEVICE),
    ("post", "/mailbox/notifications"): Row(WRITE, json={"device_id": "{device_id}", "notification_type": "open"}),
    ("delete", "/mailbox/notifications/{notification_id}"): Row(WRITE),
    ("get", "/live"): Row(READ, foreign=200),
    ("get", "/auth/me"): Row(READ, foreign=200),
    ("post", "/auth/logout"): Row(READ, person=True, foreign=0),
    ("post", "/auth/email"): Row(READ, person=True, foreign=0, json=FORM),
    ("get", "/households"): Row(READ, person=True, foreign=200),
    ("get", "/households/members"): Row(READ, foreign=200),
    ("patch", "/households/members/{user_id}"): Row(MANAGE, person=True, json=FORM),
    ("delete", "/households/members/{user_id}"): Row(READ, person=True),
    ("post", "/households/invitations"): Row(MANAGE, person=True, foreign=0, json=FORM | {"role": "viewer"}),
    ("get", "/households/invitations"): Row(MANAGE, person=True, foreign=200),
    ("delete", "/households/invitations/{invitation_id}"): Row(MANAGE, person=True),
    ("post", "/households/join"): Row(READ, person=True, foreign=0, json=FORM),
    ("post", "/api-keys"): Row(READ, person=True, foreign=0, json={"name": "k", "scopes": ["read"]}),
    ("get", "/api-keys"): Row(READ, person=True, foreign=200),
    ("delete", "/api-keys/{key_id}"): Row(READ, person=True),
    ("get", "/audit-log"): Row(MANAGE, person=True, foreign=200),
}


def filled(stage, values):
    """Return the values with the household's ids in place of their names."""
    named = {f"{{{name}}}": value for name, value in stage.ids.items()}
    return {key: named.get(value, value) if isinstance(value, str) else value for key, value in values.items()}


def ask(stage, route, headers):
    """Send the request of a row."""
    method, path = route
    row, options = ROWS[route], {}
    if row.json is not None:
        options["json"] = filled(stage, row.json)
    if row.form is not None:
        options["data"] = {name: str(value) for name, value in filled(stage, row.form).items()}
        options["files"] = {"file": ("letter.jpg", jpeg(), "image/jpeg")}
    query = filled(stage, row.query)
    return stage.client.request(method, path.format(**stage.ids), params=query, headers=headers, **options)


def everything(app):
    return {table: sorted(map(repr, rows(app, f"SELECT * FROM {table}"))) for table in UNTOUCHED}  # noqa: S608


def tried(stage, expected, strangers, routes=ROWS):
    """Let each stranger try each route; returns what was answered otherwise than expected, and that nothing changed."""
    before = everything(stage.app)
    wrong = [
        (stranger, *route, answer.status_code, answer.text[:200])
        for stranger, headers in strangers.items()
        for route in routes
        if (answer := ask(stage, route, headers)).status_code != expected or not is_refusal(answer)
    ]
    return wrong, everything(stage.app) == before


def is_refusal(answer):
    return set(answer.json()) == {"error", "message", "detail"}


def test_every_route_has_a_row(stage):
    described = stage.client.app.openapi()["paths"]
    routes = {(method, path): route for path, routes in described.items() for method, route in routes.items()}
    assert set(routes) == set(ROWS) | OPEN_TO_ALL
    assert {route for route, what in routes.items() if what.get("security")} == set(ROWS)
    scopes = {route: what["x-scope"] for route, what in routes.items() if "x-scope" in what}
    assert scopes == {route: ROWS[route].scope for route in scopes}


def test_who_has_no_valid_credentials_is_refused_everywhere(stage):
    strangers = without_entry(stage)
    assert (len(strangers), len(ROWS), len(strangers) * len(ROWS)) == (17, 47, 799)
    assert tried(stage, 401, strangers) == ([], True)


@pytest.mark.parametrize("role", OF_ROLE)
def test_a_role_that_is_not_enough_is_refused(stage, role):
    refused = [route for route, row in ROWS.items() if row.scope not in OF_ROLE[role]]
    assert tried(stage, 403, {role: stage.with_role(role, role)}, refused) == ([], True)


def test_a_key_may_do_what_its_scopes_say_and_nothing_that_needs_a_person(stage):
    headers, key_id = stage.key("read")
    ask(stage, ("get", "/auth/me"), headers)  # its first use is noted
    refused = [route for route, row in ROWS.items() if row.scope != READ or row.person]
    assert tried(stage, 403, {"a key that may read": headers}, refused) == ([], True)
    stage.client.delete(f"/api-keys/{key_id}", headers=bearer(stage.token))


def test_the_ids_of_another_household_are_not_found(stage):
    stranger, _ = stage.register("stranger")
    refused = [route for route, row in ROWS.items() if row.foreign == 404]
    assert len(refused) >= 25
    assert tried(stage, 404, {"another household's owner": bearer(stranger)}, refused) == ([], True)


def test_a_list_of_another_household_shows_nothing_of_this_one(stage):
    stranger, _ = stage.register("onlooker")
    secrets = [str(value) for value in stage.ids.values() if len(str(value)) > 8]
    for route in (route for route, row in ROWS.items() if row.foreign == 200 and route[0] == "get"):
        answer = ask(stage, route, bearer(stranger))
        assert answer.status_code == 200, (route, answer.text)
        assert not [one for one in secrets if one in answer.text], route


def test_a_household_that_is_not_ones_own_cannot_be_chosen(stage):
    stranger, _ = stage.register("chooser")
    headers = bearer(stranger) | {"x-household": stage.ids["household_id"]}
    assert tried(stage, 404, {"who chooses it": headers}) == ([], True)


def test_those_who_may_get_in(stage):
    reads = [route for route, row in ROWS.items() if route[0] == "get" and row.scope == READ]
    for headers in (bearer(stage.token), stage.with_role("guest", "viewer")):
        assert {ask(stage, route, headers).status_code for route in reads} == {200}
