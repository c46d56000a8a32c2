"""A request that comes again with its Idempotency-Key uses up nothing: its answer is the first one's."""

import secrets

import pytest

from cloud.accounts.limits import CLAIM_BY_USER, INVITE_OF_HOUSEHOLD, NOTIFY_BY_HOUSEHOLD
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from tests.unit.cloud.api.conftest import post_notification
from tests.unit.cloud.api.places import WHOLE
from tests.unit.cloud.api.routes import ask
from tests.unit.cloud.api.strangers import bearer
from tests.unit.cloud.messages import rows
from tests.unit.cloud.test_ownership import unclaimed

KEY = {"Idempotency-Key": "k"}
CLAIM = ("post", "/devices/claim")  # a wrong code counts each time, so this one has a right one
KEYED = [
    (method, path)
    for path, routes in WHOLE["paths"].items()
    for method, route in routes.items()
    if any(one["name"] == "idempotency-key" for one in route.get("parameters", []))
]


def buckets(app):
    return rows(app, "SELECT * FROM buckets ORDER BY name_hash")


@pytest.mark.parametrize("route", KEYED, ids=" ".join)
def test_a_repeat_takes_from_no_bucket(stage, route):
    code, headers = (
        claim_code(secrets.token_bytes(CODE_BYTES)),
        bearer(stage.token) | {"Idempotency-Key": " ".join(route)},
    )
    unclaimed(stage.app, code=code)

    def send():
        if route == CLAIM:
            return stage.client.post(CLAIM[1], json={"code": code, "mailbox": "Gate"}, headers=headers)
        return ask(stage, route, headers)

    first = send()
    before = buckets(stage.app)
    assert (send().status_code, buckets(stage.app)) == (first.status_code, before)


def test_a_repeated_notification_is_answered_when_the_hour_is_used_up(owner, device):
    first = post_notification(owner, device, **KEY).json()
    for _ in range(NOTIFY_BY_HOUSEHOLD.burst - 1):
        assert post_notification(owner, device, **KEY).json() == first
        assert post_notification(owner, device).status_code == 200
    assert post_notification(owner, device).status_code == 429
    assert post_notification(owner, device, **KEY).json() == first


def test_a_repeated_invitation_is_answered_when_the_day_is_used_up(owner):
    def invite(number, **headers):
        body = {"email": f"p{number}@example.org", "role": "viewer"}
        return owner.post("/households/invitations", json=body, headers=headers)

    first = invite(0, **KEY).json()
    assert {invite(number).status_code for number in range(1, INVITE_OF_HOUSEHOLD.burst)} == {201}
    assert invite(99).status_code == 429
    assert invite(0, **KEY).json() == first


def test_a_repeated_claim_is_answered_when_the_tries_are_used_up_and_a_wrong_one_counts_each_time(app, owner):
    def claim(code, key):
        body = {"code": code, "mailbox": "Gate"}
        return owner.post("/devices/claim", json=body, headers={"Idempotency-Key": key})

    code = claim_code(secrets.token_bytes(CODE_BYTES))
    unclaimed(app, code=code)
    first = claim(code, "right").json()
    wrong = claim_code(secrets.token_bytes(CODE_BYTES))
    assert {claim(wrong, "wrong").status_code for _ in range(CLAIM_BY_USER.burst)} == {404}
    assert claim(wrong, "wrong").status_code == 429
    assert claim(code, "right").json() == first
