"""What docs/openapi.json says of headers and of answers around the endpoints is what the application does."""

import hashlib

import pytest

from cloud.devices.battery.model import Drawn, Reading
from cloud.devices.battery.repository import BatteryRepository
from cloud.devices.registration import find
from cloud.devices.service import KINDS
from cloud.devices.updates.model import Image
from cloud.devices.updates.repository import UpdateRepository
from cloud.images.model import ENDED, READ, STORED, WAITING
from cloud.mailbox_events.model import EVENT_TYPES
from firmware.version import VERSION
from tests.unit.cloud.api.conftest import HOUR_MS
from tests.unit.cloud.api.places import OPEN, WHOLE
from tests.unit.cloud.api.routes import ROWS, filled
from tests.unit.cloud.api.strangers import bearer
from tests.unit.cloud.messages import jpeg

FIRMWARE = b"a firmware"
DESCRIBED = {(method, path): one for path, routes in WHOLE["paths"].items() for method, one in routes.items()}
GETS = sorted(route for route in DESCRIBED if route[0] == "get")
# Who has logged out is refused everywhere else.
SENDING = sorted((one for one in DESCRIBED if one[0] in {"post", "put", "patch"}), key=lambda one: "logout" in one[1])
OF_IMAGES = {("post", "/mailbox/images"), ("put", "/uploads/{upload_id}")}
# These need more than a row has, and have tests of their own.
ELSEWHERE = {("post", path) for path in ("/devices/claim", "/devices/{device_id}/move", "/households/join")}
REPEATED = [one for one in SENDING if one[0] == "post" and one not in ELSEWHERE | {("post", "/auth/logout")}]
NO_JSON_CHUNKS = 4


@pytest.fixture(scope="module")
def ids(stage):
    """What the things of the household are called, and a firmware that its boards are offered."""
    sha256 = hashlib.sha256(FIRMWARE).hexdigest()
    with stage.app.database.write() as unit_of_work:
        UpdateRepository(unit_of_work).add_image(Image(sha256, "1.0.0", "esp32", FIRMWARE))
        board = find(unit_of_work, stage.ids["household_id"], stage.ids["device_id"]).device
        for hours in (3, 2, 1):
            reading = Reading(unit_of_work.now - hours * HOUR_MS, 4000, Drawn())
            BatteryRepository(unit_of_work).add(board, reading, rssi=-61, firmware="1")
    return stage.ids | {"sha256": sha256, "upload_id": "x"}


def is_time(name):
    """Return whether a field or a parameter of this name is a time."""
    exact = {"at", "since", "until", "timestamp", "earliest", "latest", "last_seen", "expires", "expires_in"}
    return name in exact or name.endswith("_at")


def takes(route):
    """Return the headers that a route is said to take."""
    return {one["name"] for one in DESCRIBED[route].get("parameters", ()) if one["in"] == "header"}


def queried(route):
    """Return the names that the query of a route may have."""
    return {one["name"] for one in DESCRIBED[route].get("parameters", ()) if one["in"] == "query"}


def tells(route, status):
    """Return the headers that a route is said to answer with, and those of them that it always does."""
    headers = DESCRIBED[route]["responses"].get(str(status), {}).get("headers", {})
    return {name.lower() for name in headers}, {name.lower() for name, one in headers.items() if one.get("required")}


def asked(stage, ids, route, headers, **query):
    """Send the request of a route as its household would, with these headers and more of a query."""
    method, path = route
    row, content = ROWS.get(route, OPEN), {}
    if method != "get" and row.json is not None:
        content["json"] = filled(stage, row.json)
    if row.form is not None:
        content["data"] = {name: str(value) for name, value in filled(stage, row.form).items()}
        content["files"] = {"file": ("letter.jpg", jpeg(), "image/jpeg")}
    params = filled(stage, row.query) | query
    headers = bearer(stage.token) | headers
    return stage.client.request(method, path.format(**ids), params=params, headers=headers, **content)


def is_told(route, answer):
    """Return whether every header that this answer always has is there."""
    return tells(route, answer.status_code)[1] <= {name.lower() for name in answer.headers}


@pytest.mark.parametrize("route", sorted(DESCRIBED), ids=" ".join)
def test_a_route_has_a_short_summary_that_is_more_than_its_function_s_name(route):
    summary, operation_id = DESCRIBED[route]["summary"], DESCRIBED[route]["operationId"]
    assert 5 < len(summary) <= 60
    assert summary[0].isupper()
    assert summary[-1] not in ".,;:"
    assert not operation_id.startswith(summary.lower().replace(" ", "_")) or summary != summary.title()


def test_every_time_says_in_what_unit_it_is():
    times = {}
    for name, schema in WHOLE["components"]["schemas"].items():
        times |= {f"{name}.{one}": told for one, told in schema.get("properties", {}).items() if is_time(one)}
    for route, operation in DESCRIBED.items():
        times |= {f"{route} {one['name']}": one for one in operation.get("parameters", ()) if is_time(one["name"])}
    assert len(times) > 20
    # The feed goes by numbers, not by times.
    units = ("ISO 8601", "Unix milliseconds", "seconds", "`next`")
    untold = {name for name, told in times.items() if not any(one in told.get("description", "") for one in units)}
    assert untold == set()


CHANGING = [one for one in SENDING if one[0] in {"put", "patch"} and one not in OF_IMAGES]


@pytest.mark.parametrize("route", CHANGING, ids=" ".join)
def test_a_change_is_said_to_have_no_values_for_what_is_left_out(route):
    (name,) = (one["schema"]["$ref"] for one in DESCRIBED[route]["requestBody"]["content"].values())
    changed = WHOLE["components"]["schemas"][name.rpartition("/")[2]]
    assert [one for one, told in changed["properties"].items() if "default" in told] == []


def test_the_words_of_an_answer_are_those_that_there_are():
    def words(name, field):
        return set(WHOLE["components"]["schemas"][name]["properties"][field]["enum"])

    assert words("EventAnswer", "event_type") == set(EVENT_TYPES)
    assert words("ImageAnswer", "state") == {WAITING, STORED, READ, *ENDED}
    assert words("DeviceAnswer", "kind") == set(KINDS)
    told = WHOLE["components"]["schemas"]["NotificationAnswer"]["properties"]["notification_type"]
    assert told["$ref"].endswith("/NotificationType")


def test_the_description_says_what_it_describes_and_of_which_release():
    assert WHOLE["info"]["version"] == VERSION
    for told in ("/auth/login", "x-api-key", "x-household", "X-Next-Cursor", "If-Match", "detail", "Idempotency-Key"):
        assert told in WHOLE["info"]["description"]
    for operation in DESCRIBED.values():
        assert len(operation["tags"]) == len(set(operation["tags"]))


def test_whose_a_device_is_is_described():
    described = [
        told["properties"]["clerk_id"]
        for told in WHOLE["components"]["schemas"].values()
        if "clerk_id" in told.get("properties", ())
    ]
    described += [
        one for operation in DESCRIBED.values() for one in operation.get("parameters", ()) if one["name"] == "clerk_id"
    ]
    assert len(described) == 6
    assert all("its user id" in one["description"] for one in described)


def test_what_may_be_null_is_said_to_be():
    schemas = WHOLE["components"]["schemas"]
    for name in ("NewDevice", "DeviceChange", "SettingsChange"):
        optional = schemas[name]["properties"].keys() - set(schemas[name].get("required", ()))
        assert len(optional) > 10
        assert all({"type": "null"} in schemas[name]["properties"][one]["anyOf"] for one in optional)
    assert schemas["NewDevice"]["properties"]["check_interval"]["default"] == 15


@pytest.mark.parametrize("route", GETS, ids=" ".join)
def test_a_version_is_described_where_it_is_told(stage, ids, route):
    first = asked(stage, ids, route, {})
    etag = first.headers.get("etag")
    again = asked(stage, ids, route, {"if-none-match": etag or "*"})
    assert (first.status_code, again.status_code) == (200, 304 if etag else 200)
    for status in (200, 304):
        assert ("etag" in tells(route, status)[1]) == (etag is not None)
    assert ("304" in DESCRIBED[route]["responses"], "if-none-match" in takes(route)) == (bool(etag), bool(etag))
    assert (is_told(route, first), is_told(route, again)) == (True, True)


@pytest.mark.parametrize("route", GETS, ids=" ".join)
def test_a_part_is_described_where_it_is_given(stage, ids, route):
    part = asked(stage, ids, route, {"range": "bytes=0-0"})
    beyond = asked(stage, ids, route, {"range": "bytes=999999-"})
    other = asked(stage, ids, route, {"range": "bytes=0-0", "if-range": '"another"'})
    in_parts = "accept-ranges" in part.headers
    assert [one.status_code for one in (part, beyond, other)] == ([206, 416, 200] if in_parts else [200, 200, 200])
    assert ({"206", "416"} <= set(DESCRIBED[route]["responses"]), {"range", "if-range"} <= takes(route)) == (
        in_parts,
        in_parts,
    )
    assert [is_told(route, one) for one in (part, beyond, other)] == [True, True, True]


@pytest.mark.parametrize("route", GETS, ids=" ".join)
def test_a_next_page_is_described_where_it_is_told(stage, ids, route):
    paged = {"limit": 1} if "limit" in queried(route) else {}
    first = asked(stage, ids, route, {}, **paged)
    told = {name for name in ("x-next-cursor", "link") if name in first.headers}
    assert first.status_code == 200
    # Where secrets are near, nothing is stored and answers carry no version: there is no 304 to tell it.
    for status in (status for status in (200, 304) if str(status) in DESCRIBED[route]["responses"]):
        assert tells(route, status)[0] & {"x-next-cursor", "link"} == told
    assert bool(told) == bool(paged)
    if told:
        following = asked(stage, ids, route, {}, limit=1, cursor=first.headers["x-next-cursor"])
        assert (following.status_code, following.json() == first.json()) == (200, False)


def test_the_lists_of_a_device_have_pages():
    paged = {path for (method, path), one in DESCRIBED.items() if "x-next-cursor" in tells((method, path), 200)[0]}
    assert paged >= {"/mailbox/events", "/mailbox/images", "/mailbox/notifications"}
    assert paged >= {"/devices", "/dashboard/{clerk_id}", "/claim-codes", "/api-keys", "/audit-log"}


# What is short by itself: so many people, homes and open invitations there are at most, and so much is told of a live
# feed at once.
SHORT = {"/households", "/households/members", "/households/invitations"}


def test_every_list_has_pages_or_is_short():
    lists = {
        path
        for method, path in DESCRIBED
        if method == "get" and answered(path).get("type") == "array" and path not in SHORT
    }
    assert lists == {path for path in lists if "x-next-cursor" in tells(("get", path), 200)[0]}
    assert lists | SHORT <= {path for _, path in DESCRIBED}
    assert len(lists) >= 6


def answered(path):
    """Return the schema of what a route answers."""
    return DESCRIBED["get", path]["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {})


@pytest.mark.parametrize("route", SENDING, ids=" ".join)
def test_a_limit_of_bytes_is_described_where_a_body_is_read(stage, ids, route):
    def chunks():
        for _ in range(NO_JSON_CHUNKS):
            yield b"x" * 100_000

    _, path = route
    sent = {"content-type": "application/json"}
    if route in OF_IMAGES:
        sent["content-length"] = "40000000"
    headers = bearer(stage.token if "logout" not in path else stage.register("leaver")[0]) | sent
    answer = stage.client.request(route[0], path.format(**ids), content=chunks(), headers=headers)
    assert (answer.status_code == 413) == ("413" in DESCRIBED[route]["responses"]), answer.text


@pytest.mark.parametrize("route", REPEATED, ids=" ".join)
def test_the_key_of_a_request_that_comes_again_is_described_where_it_counts(stage, ids, route):
    headers = {"idempotency-key": f"the same for {route[1]}"}
    # Taken everywhere, as the seed's clients send it.
    first, other = asked(stage, ids, route, headers), asked(stage, ids, route, headers, clerk_id="another")
    counts = other.status_code == 422 and "Idempotency-Key" in other.json()["message"]
    assert counts == ("idempotency-key" in takes(route)), (first.text, other.text)


# Small boards, programs that watch the server, and gateways and boards at an address that they were given.
ANY_NAME = {("post", "/iot/report"), ("put", "/uploads/{upload_id}"), ("get", "/firmware/{sha256}")}
ANY_NAME |= {("get", path) for path in ("/health", "/healthz", "/readyz")}


@pytest.mark.parametrize("route", sorted(DESCRIBED), ids=" ".join)
def test_a_query_with_a_name_that_the_route_does_not_take_is_refused(stage, ids, route):
    answer = asked(stage, ids, route, {}, tpye="open")
    if route in ANY_NAME:
        assert "tpye" not in answer.text
        return
    assert (answer.status_code, [one["field"] for one in answer.json()["detail"]]) == (422, ["query.tpye"])
    assert "422" in DESCRIBED[route]["responses"]
    allowed = ", ".join(sorted(queried(route))) or "none"
    assert f"of the names that this address takes: {allowed}; got 'tpye'" in answer.json()["message"]


def test_of_a_query_with_very_much_that_is_not_taken_little_is_told(stage, ids):
    names = {f"{number:03}\n\u202e{'x' * 100}": "" for number in range(50)}
    answer = asked(stage, ids, ("get", "/devices"), {}, **names)
    assert (answer.status_code, len(answer.json()["detail"])) == (422, 10)
    assert len(answer.text) < 10_000
    assert answer.json()["message"].isascii()
    assert answer.json()["message"].isprintable()
    assert answer.json()["detail"][0]["field"] == "query.000\\n\\u202e" + "x" * 35


@pytest.mark.parametrize("route", sorted(DESCRIBED), ids=" ".join)
def test_a_household_is_chosen_where_it_is_described(stage, ids, route):
    answer = asked(stage, ids, route, {"x-household": "nowhere"})
    refused = answer.status_code == 404 and "x-household" in answer.json()["message"]
    assert refused == ("x-household" in takes(route))
    assert not refused or "404" in DESCRIBED[route]["responses"]
