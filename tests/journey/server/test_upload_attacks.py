"""Uploads that are not what was granted: each is refused clearly, its delivery is told, and the server carries on."""

import hashlib
import itertools
import json
import socket
import struct
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from firmware.wire import topics
from tests.journey.server.conftest import Mailbox, call, put
from tests.running_server import RunningServer
from tests.things import Thing
from tests.unit.cloud.messages import Photo, jpeg, now
from tests.unit.cloud.test_jpeg_inspection import claiming, png_of
from tests.waiting import until
from tools.commands.provision import Owner

NAMES = itertools.count(1)
WHOLE = jpeg(size=(640, 480))


def named(content):
    """Return a photo under a name that no test used before."""
    return Photo(f"photo-{next(NAMES)}", content)


def fresh():
    """Return a photo that no test used before."""
    number = next(NAMES)
    return Photo(f"photo-{number}", WHOLE + struct.pack(">I", number))


@dataclass(frozen=True, slots=True)
class Attack:
    """What is promised, what is sent, and how that must end."""

    promised: bytes
    sent: bytes
    status: int
    error: str
    reason: str
    content_type: str = "image/jpeg"


ATTACKS = {
    "a text file named .jpg": Attack(
        b"Dear neighbour, this is text." * 40,
        b"Dear neighbour, this is text." * 40,
        415,
        "UnsupportedTypeError",
        "expected a JPEG image, got text",
    ),
    "a truncated JPEG": Attack(
        WHOLE[: len(WHOLE) // 2],
        WHOLE[: len(WHOLE) // 2],
        422,
        "RefusedError",
        "expected a whole JPEG image, got one that cannot be decoded",
    ),
    "a PNG of 30,000 by 30,000": Attack(
        png_of(30_000, 30_000),
        png_of(30_000, 30_000),
        415,
        "UnsupportedTypeError",
        "expected a JPEG image, got a PNG image",
    ),
    "a JPEG that claims 65,500 by 65,500": Attack(
        claiming(65_500, 65_500, WHOLE),
        claiming(65_500, 65_500, WHOLE),
        413,
        "TooLargeError",
        "expected at most 64,000,000 pixels, got 65,500 by 65,500",
    ),
    "other bytes of the same length": Attack(
        WHOLE, WHOLE[:-2] + b"\x00\x00", 422, "RefusedError", "expected an image with the announced SHA-256"
    ),
    "fewer bytes": Attack(WHOLE, WHOLE[:-1], 422, "RefusedError", f"expected the {len(WHOLE):,} bytes asked for, got"),
    "more bytes": Attack(
        WHOLE, WHOLE + b"x", 413, "TooLargeError", f"expected the {len(WHOLE):,} bytes asked for, got more"
    ),
    "no bytes": Attack(WHOLE, b"", 422, "RefusedError", f"expected the {len(WHOLE):,} bytes asked for, got 0"),
    "another content type": Attack(
        WHOLE, WHOLE, 415, "UnsupportedTypeError", "expected Content-Type image/jpeg, got 'text/html'", "text/html"
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_bad_upload_is_refused_parked_and_told(server, mailbox, parked, name):
    attack = ATTACKS[name]
    close = mailbox.close_door()
    photo = named(attack.promised)
    grant = mailbox.ask(photo)

    answer = put(server, grant, attack.sent, Content_Type=attack.content_type)

    assert (answer.status, answer.body["error"]) == (attack.status, attack.error)
    assert answer.form == {"error", "message", "detail"}
    assert attack.reason in answer.body["message"]
    assert parked(photo.image_id) == [answer.body["message"]]
    assert mailbox.ask(photo)["refused"] == answer.body["message"]
    again = put(server, grant, attack.promised)
    assert (again.status, again.body["message"]) == (422, answer.body["message"])
    mailbox.announce(photo, event_id=close)
    assert mailbox.settled(close) == "delivery"
    until(lambda: mail_about(server, close), "the e-mail of the delivery")
    assert len(parked(photo.image_id)) == 1
    assert put(server, mailbox.ask(fresh()), WHOLE).status in (201, 422)


def mail_about(server, close):
    query = (
        "SELECT mail_outbox.state FROM mail_outbox JOIN episodes ON episodes.id = episode_id WHERE close_event_id = ?"
    )
    return server.rows(query, close) == [("sent",)]


def test_a_good_image_is_taken_once(server, mailbox):
    photo = fresh()
    grant = mailbox.ask(photo)
    assert put(server, grant, photo.content).status == 201
    (file,) = (server.data / "images").rglob(f"{photo.sha256}.jpg")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == photo.sha256
    again = put(server, grant, photo.content)
    assert (again.status, again.body["error"]) == (409, "ConflictError")
    assert "stored already" in again.body["message"]


@pytest.mark.parametrize("what", ["signature", "expires", "upload_id"])
def test_an_altered_url_is_refused_and_the_image_can_still_come(server, mailbox, parked, what):
    photo, other = fresh(), fresh()
    grant, others = mailbox.ask(photo), mailbox.ask(other)
    url = urlsplit(grant["url"])
    fields = dict(part.split("=") for part in url.query.split("&"))
    path = url.path
    if what == "signature":
        fields["signature"] = "0" * 64
    elif what == "expires":
        fields["expires"] = str(int(fields["expires"]) + 1)
    else:
        path = urlsplit(others["url"]).path
    altered = f"{path}?expires={fields['expires']}&signature={fields['signature']}"
    answer = call(server, "PUT", altered, body=photo.content, headers=grant["headers"])
    assert (answer.status, answer.body["error"]) == (403, "SignatureError")
    assert answer.form == {"error", "message", "detail"}
    assert parked(photo.image_id) == []
    assert put(server, grant, photo.content).status == 201


def test_an_expired_url_is_refused_and_a_new_grant_works(tmp_path):
    server = RunningServer(tmp_path / "data", PILLARBOX_GRANT_S="1")
    server.start()
    mailbox = Mailbox(server)
    try:
        photo = fresh()
        grant = mailbox.ask(photo)
        until(lambda: now() > grant["expires_at"], "the grant to expire")
        answer = put(server, grant, photo.content)
        assert (answer.status, answer.body["error"]) == (403, "SignatureError")
        assert "expired" in answer.body["message"]
        assert put(server, mailbox.ask(photo), photo.content).status == 201
    finally:
        mailbox.leave()
        server.stop()


def test_the_image_id_of_another_device_is_a_name_like_any_other(server, mailbox, parked):
    photo = fresh()
    grant = mailbox.ask(photo)
    assert put(server, grant, photo.content).status == 201
    stranger = Thing(server.make_device("gateway", Owner("other@example.org", "Other", "Gate")), server.mqtt_port)
    stranger.listen_to_own()
    try:
        stranger.publish(topics.UPLOAD_REQUEST, photo.request)
        answer = stranger.heard(topics.UPLOAD_GRANT)
    finally:
        stranger.leave()
    assert answer["url"] != grant["url"]
    assert "stored" not in answer
    assert parked(stranger.name) == parked(photo.image_id) == []


@pytest.mark.parametrize(
    "path",
    [
        "/uploads/..%2f..%2fetc%2fpasswd?expires=1&signature=0",
        "/uploads/%2e%2e/%2e%2e/pillarbox.db?expires=1&signature=0",
        "/uploads/../../../../etc/passwd?expires=1&signature=0",
        "/uploads/%00?expires=1&signature=0",
        "/uploads/" + "x" * 5000 + "?expires=1&signature=0",
        "/uploads/' OR 1=1 --?expires=1&signature=0".replace(" ", "%20"),
        "/uploads/%ff%fe?expires=1&signature=%ff",
        "/uploads/a?expires=" + "9" * 400 + "&signature=0",
        "/uploads/a?expires=-1&signature=",
        "/uploads/a",
        "/uploads/",
        "/uploads",
    ],
)
def test_a_tricky_path_finds_nothing(server, path):
    answer = call(server, "PUT", path, body=b"x", headers={"Content-Type": "image/jpeg"})
    assert answer.status in (404, 405, 422)
    assert answer.form == {"error", "message", "detail"}


def test_a_foreign_name_in_the_host_header_is_refused(server, mailbox):
    photo = fresh()
    grant = mailbox.ask(photo)
    answer = put(server, grant, photo.content, Host="attacker.example")
    assert (answer.status, answer.body["error"]) == (400, "UnknownHostError")
    assert put(server, grant, photo.content).status == 201


def start_upload(grant, photo, sent):
    """Begin an upload that stops after some bytes, and return its connection."""
    url = urlsplit(grant["url"])
    line = socket.create_connection((url.hostname, url.port), timeout=60)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: image/jpeg\r\n"
    line.sendall(f"{head}Content-Length: {len(photo.content)}\r\n\r\n".encode() + photo.content[:sent])
    return line


def test_an_upload_that_is_cut_off_may_come_again(server, mailbox, parked):
    photo = fresh()
    grant = mailbox.ask(photo)
    for sent in (0, 1, len(photo.content) // 2, len(photo.content) - 1):
        start_upload(grant, photo, sent).close()
    assert put(server, grant, photo.content).status == 201
    assert parked(photo.image_id) == []
    assert "Traceback" not in server.log.read_text()


def test_slow_uploads_hold_up_nobody(server, mailbox):
    slow = [fresh() for _ in range(20)]
    lines = [start_upload(mailbox.ask(one), one, 100) for one in slow]
    quick = fresh()
    assert put(server, mailbox.ask(quick), quick.content).status == 201
    for line, one in zip(lines, slow, strict=True):
        line.sendall(one.content[100:])
    for line in lines:
        assert line.recv(12) == b"HTTP/1.1 201"
        line.close()


def test_two_uploads_of_one_grant_at_once_store_it_once(server, mailbox):
    photo = fresh()
    grant = mailbox.ask(photo)
    lines = [start_upload(grant, photo, len(photo.content) - 1) for _ in range(4)]
    for line in lines:
        line.sendall(photo.content[-1:])
    statuses = [line.recv(12)[-3:] for line in lines]
    for line in lines:
        line.close()
    assert set(statuses) <= {b"201", b"409"}
    assert b"201" in statuses
    (file,) = (server.data / "images").rglob(f"{photo.sha256}.jpg")
    assert file.read_bytes() == photo.content
    assert server.rows("SELECT count(*) FROM images WHERE image_id = ?", photo.image_id) == [(1,)]


def test_an_endless_body_is_refused_at_the_first_byte_too_many(mailbox):
    photo = fresh()
    url = urlsplit(mailbox.ask(photo)["url"])
    with socket.create_connection((url.hostname, url.port), timeout=60) as line:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: image/jpeg\r\n"
        line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        line.sendall(chunk * 2)
        answer = whole_answer(line)
    assert b"413" in answer.split(b"\r\n", 1)[0]
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"] == "TooLargeError"


def test_an_image_larger_than_allowed_is_refused_before_it_travels(mailbox, parked):
    huge = fresh().request | {"bytes": 32 * 1024 * 1024 + 1}
    mailbox.gateway.said.clear()
    mailbox.gateway.publish_bytes(
        topics.topic(mailbox.gateway.name, topics.UPLOAD_REQUEST), json.dumps({"v": 1} | huge).encode()
    )
    until(lambda: parked(mailbox.gateway.name), "the entry of the DLQ")
    assert "bytes: expected a whole number from 1 to 33554432" in parked(mailbox.gateway.name)[0]


def whole_answer(line: socket.socket) -> bytes:
    """Return what the server says up to the end of its JSON; head and body may come in two pieces."""
    answer = b""
    while not answer.endswith(b"}") and (piece := line.recv(4096)):
        answer += piece
    return answer
