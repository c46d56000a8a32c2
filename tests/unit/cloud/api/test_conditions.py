"""If-Match: a device is changed as its caller has seen it, or not at all (RFC 9110 section 13.1.1)."""

import threading

import pytest

from tests.unit.cloud.api.test_two_processes import fast, overtaken, slow  # noqa: F401 - fixtures
from tests.unit.cloud.messages import rows

# Method, what is changed, where it is read, and a change of it.
CHANGES = [
    ("PUT", "/devices/{}", "/devices/{}", {"name": "Gate"}),
    ("PUT", "/devices/{}/settings", "/devices/{}/settings", {"check_interval": 60}),
    ("PATCH", "/devices/{}/status", "/devices/{}", {"is_active": False}),
    ("DELETE", "/devices/{}", "/devices/{}", None),
]
# So long one of two is given to overtake the other, which it cannot.
HEAD_START_S = 0.5


def ask(client, change, device, if_match):
    method, path, _, body = change
    return client.request(method, path.format(device), json=body, headers={"If-Match": if_match})


def version(client, change, device):
    return client.get(change[2].format(device)).headers["etag"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_device_is_changed_while_it_is_as_it_was_read(owner, device, change):
    tag = version(owner, change, device)
    assert ask(owner, change, device, f'"older", {tag}').status_code == 200


@pytest.mark.parametrize("change", CHANGES)
def test_a_device_that_has_changed_since_is_left_as_it_is(app, owner, device, change):
    tag = version(owner, change, device)
    owner.put(f"/devices/{device}", json={"name": "Drive", "battery_threshold": 31})
    before = rows(app, "SELECT * FROM devices"), rows(app, "SELECT * FROM device_settings")
    for wrong in (tag, "nonsense", f"W/{version(owner, change, device)}", ""):
        answer = ask(owner, change, device, wrong)
        assert (answer.status_code, answer.json()["error"]) == (412, "OutdatedError"), wrong
        assert answer.json()["message"].startswith("If-Match: expected the ETag of what is to be changed")
    assert (rows(app, "SELECT * FROM devices"), rows(app, "SELECT * FROM device_settings")) == before


@pytest.mark.parametrize("change", CHANGES)
def test_any_version_is_one_that_is_there(owner, stranger, device, change):
    for wrong in ("*", "nonsense"):
        assert ask(stranger, change, device, wrong).status_code == 404
    assert ask(owner, change, device, "*").status_code == 200


def test_who_may_change_nothing_is_told_so_before_what_has_changed(nobody, device):
    assert ask(nobody, CHANGES[0], device, "nonsense").status_code == 401


def test_of_two_who_saw_the_same_one_changes_it(owner, slow, fast, overtaken, device):  # noqa: F811
    headers = {"If-Match": version(owner, CHANGES[1], device)}
    answers = {}

    def put(client, minutes):
        body = {"check_interval": minutes}
        answers[minutes] = client.put(f"/devices/{device}/settings", json=body, headers=headers).status_code

    second = threading.Thread(target=put, args=(fast, 30))

    def between():
        second.start()
        second.join(HEAD_START_S)

    overtaken.between, overtaken.at = between, "UPDATE device_settings"
    put(slow, 60)
    second.join()
    assert answers == {60: 200, 30: 412}
    assert owner.get(f"/devices/{device}/settings").json()["check_interval"] == 60
