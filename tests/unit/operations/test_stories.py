"""One search of the log shows the story of a letter, from the gateway's MQTT message to the owner's e-mail."""

import http.client
import io
import json
import logging
import socket
import threading
from email import message_from_bytes
from email.policy import default

import pytest
from starlette.testclient import TestClient

from cloud import correlation
from cloud.errors import ConfigurationError
from cloud.lambdas.records import run_records, to_record
from cloud.log_lines import JsonLines
from cloud.mail.model import CORRELATION_HEADER
from cloud.pipeline import STAGES
from cloud.tables import images, jobs
from cloud.web.app import create_app
from cloud.worker.alarm_watch import AlarmWatch
from cloud.worker.serve import StreamingServer, configuration
from firmware.wire import topics
from tests.unit.cloud.api.conftest import owner_of_a_household
from tests.unit.cloud.fakes import LETTER, FakeMailer, FakeOcrEngine, with_ports
from tests.unit.cloud.messages import announcement, event, grants, jpeg, photo, rows, say, say_bytes, say_events
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def lines():
    """What is logged, as JSON."""
    out, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines())
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def working(app):
    """The application that the Lambda functions of this process use, with parts outside that work."""
    object.__setattr__(app, "ports", with_ports(app, ocr_engine=FakeOcrEngine(), mailer=FakeMailer()).ports)
    return app


def work(app):
    """Do every job that is due, as the workers do."""
    while job := app.queue.lease(tuple(STAGES), 60_000):
        run_records(job.stage, {"Records": [to_record(job)]})


def upload(app, grant, content):
    url = grant["url"].partition("localhost:8000")[2]
    client = TestClient(create_app(app, lambda _: None), base_url="http://localhost:8000")
    answer = client.put(url, content=content, headers=grant["headers"])
    assert answer.status_code == 201, answer.text
    return answer.headers["x-request-id"]


def bring(app, home, one):
    """Let the gateway bring an image, and return the id of its story."""
    (grant,) = grants(say(app, home.gateway, topics.UPLOAD_REQUEST, one.request)).values()
    story = grant["headers"]["X-Request-ID"]
    assert upload(app, grant, one.content) == story
    return story


def found(lines, story):
    """Return what one search for an id shows, in order."""
    return [line["message"] for line in lines() if story in json.dumps(line)]


def carried(app):
    """Return the ids in the header of the one e-mail that was sent; the rest of it says none of them."""
    (mail,) = app.ports.mailer.sent
    message = message_from_bytes(mail.content, policy=default)
    ids = message[CORRELATION_HEADER].split(", ")
    stored = rows(app, "SELECT content FROM mail_outbox")[0][0]
    assert [one for one in ids if one.encode() in stored] == []
    assert message["Message-ID"]
    return ids


def test_one_id_leads_from_mqtt_to_the_e_mail(working, home, lines):
    close = event("close", 2)
    say_events(working, home.board, event("open", 1), close)
    story = bring(working, home, photo("letter", 1))
    say(working, home.gateway, topics.IMAGES, announcement(photo("letter", 1), event_id=close["event_id"]))
    work(working)
    ((image_id, episode_id),) = rows(working, "SELECT id, episode_id FROM images")
    ((mail_id,),) = rows(working, "SELECT id FROM mail_outbox")
    assert found(lines, story) == [
        "messages taken, of the kind uploads/request: 1",
        f"image {image_id} is uploaded",
        f"read_image of {image_id} is done",
        f"analyse_letter of {image_id} is done",
        f"settle_episode of {image_id} is done",
        f"write_notification of {episode_id} is done",
        f"send_mail of {mail_id} is done",
    ]
    assert story in carried(working)


def test_the_stories_of_a_delivery_meet_in_its_one_e_mail(working, home, lines):
    close = event("close", 2)
    say_events(working, home.board, event("open", 1), close)
    (board_story,) = {one for (one,) in rows(working, "SELECT correlation_id FROM jobs")}
    say(working, home.gateway, topics.IMAGES, announcement(photo("a", 1), photo("b", 2), event_id=close["event_id"]))
    stories = [bring(working, home, one) for one in (photo("a", 1), photo("b", 2))]
    work(working)
    assert set(carried(working)) > {board_story, *stories}
    for story in (board_story, *stories):
        assert found(lines, story)[-1].startswith("send_mail of ")
    for story in stories:
        assert {"read_image", "analyse_letter"} <= {told.partition(" ")[0] for told in found(lines, story)}


def test_no_word_of_the_letter_and_no_address_is_in_the_log(working, home, lines):
    bring(working, home, photo("letter", 1))
    say(working, home.gateway, topics.IMAGES, announcement(photo("letter", 1)))
    say_bytes(working, home.board.thing, topics.EVENTS, b"nobody@example.org\nnot JSON")
    work(working)
    logged = json.dumps(lines())
    assert "example.org" not in logged
    assert [words for words in LETTER if words in logged] == []


@pytest.mark.parametrize(("batt_mv", "says"), [(3400, b"has a low battery"), (4000, b"has not been heard of")])
def test_the_story_of_an_alarm_begins_where_it_is_raised(working, home, lines, batt_mv, says):
    say(working, home.board, topics.HEARTBEAT, {"fw": "1", "next_s": 3600, "batt_mv": batt_mv})
    watch = AlarmWatch(working)
    if batt_mv == 4000:
        watch._listening_since = 0  # noqa: SLF001 - in place of a day's wait
        with working.database.write() as unit_of_work:
            unit_of_work.connection.exec_driver_sql("UPDATE devices SET last_seen = last_seen - 86400000")
    watch.look()
    work(working)
    (story,) = carried(working)
    ((alarm_id, mail_id),) = rows(working, "SELECT alarms.id, mail_outbox.id FROM alarms, mail_outbox")
    assert found(lines, story) == [
        "alarms raised: 1",
        f"write_alarm of {alarm_id} is done",
        f"send_mail of {mail_id} is done",
    ]
    assert says in working.ports.mailer.sent[0].content


def test_each_alarm_of_a_look_has_a_story_of_its_own(working, home):
    for device in (home.board, home.gateway):
        say(working, device, topics.HEARTBEAT, {"fw": "1", "next_s": 3600, "batt_mv": 3400})
    AlarmWatch(working).look()
    stories = [story for (story,) in rows(working, "SELECT correlation_id FROM jobs")]
    assert len(set(stories)) == len(stories) == len(rows(working, "SELECT id FROM alarms")) == 2


def test_work_over_http_belongs_to_the_callers_request(working, home):
    client = TestClient(create_app(working, lambda _: None), base_url="http://localhost:8000")
    body = {"email": "owner@example.org"}
    assert client.post("/auth/password/forgot", json=body, headers={"X-Request-ID": "request-1"}).status_code == 202
    assert rows(working, "SELECT stage, correlation_id FROM jobs") == [("write_reset", "request-1")]
    assert home
    work(working)
    assert rows(working, "SELECT stage, correlation_id FROM jobs ORDER BY id") == [
        ("write_reset", "request-1"),
        ("send_mail", "request-1"),
    ]
    (mail,) = working.ports.mailer.sent
    assert b"request-1" not in mail.content  # it is private, and a stranger may have asked for it


@pytest.fixture
def client(working):
    """The owner of a household."""
    return owner_of_a_household(working, create_app(working, lambda _: None), "owner@example.org")


@pytest.fixture
def device(client):
    return client.post("/devices", json={"name": "Drive"}).json()["id"]


@pytest.mark.parametrize(
    ("path", "more"),
    [("/mailbox/events", {}), ("/mailbox/events", {"Idempotency-Key": "once"}), ("/iot/report?d={}&e=o", {})],
)
def test_an_opening_over_http_is_found_by_the_id_of_its_request(working, client, device, lines, path, more):
    body = {"device_id": device, "event_type": "open"}
    answer = client.post(path.format(device), json=body, headers={"X-Request-ID": "request-1"} | more)
    assert answer.status_code == 200
    assert found(lines, "request-1") == ["reports over HTTP stored: 1"]
    ((number,),) = rows(working, "SELECT id FROM mailbox_events")
    assert [line["stories"] for line in lines() if "stories" in line] == [[f"request-1 event {number}"]]


REFUSED = {
    "POST /mailbox/events was refused with 422": "/mailbox/events?k=a-secret",
    "GET /devices/{device_id} was refused with 404": "/devices/4711?clerk_id=a-secret",
    "GET /devices/{device_id} was refused with 422": "/devices/4711?k=a-secret",
    "PATCH /devices/{device_id} was refused with 405": "/devices/4711?k=a-secret",
    "GET other was refused with 404": "/a-secret/2",
}


@pytest.mark.parametrize(("line", "path"), REFUSED.items())
def test_a_refusal_is_found_by_the_id_of_its_request_and_tells_no_value(client, device, lines, line, path):
    body = {"device_id": device, "event_type": "a-secret", "event_id": "a-secret"}
    headers = {"X-Request-ID": "request-1", "User-Agent": "a-secret"}
    assert client.request(line.partition(" ")[0], path, json=body, headers=headers).status_code >= 400
    assert found(lines, "request-1") == [line]
    assert [one["correlation_id"] for one in lines() if one["message"] == line] == ["request-1"]
    assert "a-secret" not in json.dumps([one for one in lines() if one["logger"] != "httpx2"])  # the client's own


def test_who_is_not_let_in_is_found_too(client, lines):
    client.cookies.clear()
    assert client.get("/devices", headers={"X-Request-ID": "request-1"}).status_code == 401
    assert found(lines, "request-1") == ["GET /devices was refused with 401"]


class SecretError(Exception):
    """A fault that nobody was prepared for."""


@pytest.fixture
def faulty(working):
    """The address of a server whose ``/faults/0`` and ``/faults/1`` fail, the one unforeseen, the other on purpose."""
    web = create_app(working, lambda _: None)

    @web.get("/faults/{number}")
    async def fail(number: int) -> None:
        raise (SecretError("a secret"), ConfigurationError("a secret"))[number]

    listener = socket.create_server(("127.0.0.1", 0))
    server = StreamingServer(configuration(web, 5), lambda: None)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(PATIENCE_S)


@pytest.mark.parametrize("number", [0, 1])
def test_a_fault_of_ours_is_answered_and_logged_under_one_id_and_tells_nothing(faulty, lines, number):
    client = http.client.HTTPConnection(faulty, timeout=PATIENCE_S)
    client.request("GET", f"/faults/{number}", headers={"X-Request-ID": "request-1"})
    answer = client.getresponse()
    text = answer.read().decode()
    client.close()
    assert (answer.status, answer.headers["x-request-id"]) == (500, "request-1")
    assert json.loads(text).keys() == {"error", "message", "detail"}
    assert "request-1" in json.loads(text)["message"]
    assert "a secret" not in text
    assert "SecretError" not in text
    until(lambda: [line for line in lines() if "a secret" in line.get("error", "")], "the trace in the log")
    assert {line["correlation_id"] for line in lines() if "a secret" in line.get("error", "")} == {"request-1"}


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "line\nbreak-1", "semi;colon-1", "ünïcödé-1", "-begins-odd"])
def test_an_id_that_could_mislead_is_replaced(given):
    assert correlation.well_formed(given) != given
    assert correlation.well_formed("req-0123.abc_DEF") == "req-0123.abc_DEF"


def test_no_id_is_given_twice():
    ids = {correlation.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(correlation.well_formed(one) == one for one in ids)


def test_stories_are_joined_once_each_and_not_without_end():
    assert correlation.joined(["a,b", "b", "", "c"]) == "a,b,c"
    ours = [correlation.new_id() for _ in range(100)]
    assert correlation.joined(ours).split(",") == ours[:12]


@pytest.mark.parametrize(("length", "kept"), [(36, 6), (50, 5), (63, 4), (64, 3)])
def test_of_long_ids_the_first_are_kept_whole(length, kept):
    ids = [f"{number:0{length}}" for number in range(100)]
    assert correlation.joined(ids).split(",") == ids[:kept]
    assert correlation.joined(ids[:kept]).split(",") == ids[:kept]
    assert correlation.joined([correlation.joined(ids), *ids]).split(",") == ids[:kept]


@pytest.mark.parametrize("column", [jobs.c.correlation_id, images.c.correlation_id])
def test_a_column_holds_as_many_ids_as_are_joined(column):
    assert column.type.length == correlation.LONGEST_TOGETHER


def test_a_delivery_of_many_long_stories_is_told_of(working, client, device):
    for number in range(8):
        story = {"X-Request-ID": f"{number:064}"}
        image = {"file": ("letter.jpg", jpeg(shade=number), "image/jpeg")}
        answer = client.post("/mailbox/images", data={"device_id": device}, files=image, headers=story)
        assert answer.status_code == 200, answer.text
    work(working)
    with working.database.write() as unit_of_work:  # in place of two minutes' wait
        unit_of_work.connection.exec_driver_sql("UPDATE jobs SET visible_at = 0")
        unit_of_work.connection.exec_driver_sql("UPDATE episodes SET settle_at = 1")
    work(working)
    assert rows(working, "SELECT stage, reason FROM jobs WHERE state <> 'done'") == []
    assert len(carried(working)) == 3
