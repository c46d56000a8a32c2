"""A small cloud that grants, takes and commits images, and fails on request."""

import hashlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from firmware.wire.codec import decode, encode
from firmware.wire.messages import BY_KIND
from firmware.wire.topics import DESIRED, HEARTBEAT, IMAGES, STATUS, UPLOAD_GRANT, UPLOAD_REQUEST, parse, topic
from tests.journey.gateway.broker import SERVER, Broker
from tests.waiting import PATIENCE_S

THING = "gateway-7d41"


@dataclass
class Cloud:
    """What the cloud does to a gateway: it wishes captures, grants, takes images, commits, and fails on request."""

    broker: Broker
    # How the next uploads end: a status, "cut" after the body was stored, "hang", or "stored then hang".
    answers: deque[int | str] = field(default_factory=deque)
    grants: bool = True
    commits: bool = True
    refusal: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    puts: list[tuple[str, int | str]] = field(default_factory=list)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    wishes: list[str] = field(default_factory=list)
    signatures: int = 0
    rev: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    hears: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def start_http(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        """Be an image store."""
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                cloud.take_put(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(address, Handler)
        self.http.daemon_threads = True
        self.http_thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.http_thread.start()

    def stop_http(self) -> None:
        self.http.shutdown()
        self.http_thread.join()
        self.http.server_close()

    def start(self) -> None:
        """Serve HTTP, connect to the broker and return once every message of a gateway arrives here."""
        self.start_http()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=SERVER)
        files = self.broker.server_files
        self.client.tls_set(str(files / "ca.pem"), str(files / "cert.pem"), str(files / "key.pem"))
        self.client.reconnect_delay_set(0.1, 0.5)
        self.client.on_connect = lambda client, *_: client.subscribe("pillarbox/v1/#", 1)
        self.client.on_subscribe = lambda *_: (self.publish_desired(), self.hears.set())
        self.client.on_message = lambda _client, _data, message: self.take_message(message)
        self.client.connect("127.0.0.1", self.broker.port)
        self.client.loop_start()
        assert self.hears.wait(PATIENCE_S)

    def stop(self) -> None:
        self.released.set()
        self.client.disconnect()
        self.client.loop_stop()
        self.stop_http()

    def wish(self, event_id: str) -> None:
        """The door of the mailbox was closed."""
        with self.changed:
            self.wishes.append(event_id)
            first = len(self.wishes) == 1
        if first:
            self.publish_desired()

    def publish_desired(self) -> None:
        with self.changed:
            self.rev += 1
            desired: dict[str, Any] = {"rev": self.rev, "settings": {}}
            if self.wishes:
                desired["capture"] = {"event_id": self.wishes[0], "kind": "close", "at": 1}
            # Still alone, lest an older wish is retained in place of a newer one.
            self.client.publish(topic(THING, DESIRED), encode(BY_KIND[DESIRED], desired), 1, retain=True)

    def take_message(self, message: mqtt.MQTTMessage) -> None:
        _thing, kind = parse(message.topic)
        if kind not in (UPLOAD_REQUEST, IMAGES, STATUS, HEARTBEAT):
            return
        found = decode(BY_KIND[kind], message.payload)
        with self.changed:
            self.messages.append((kind, found))
            # As it is now: who waits for this message may change it at once.
            grants, commits = self.grants, self.commits
            self.changed.notify_all()
        if kind == UPLOAD_REQUEST and grants:
            self.answer_request(found["image_id"])
        if kind == IMAGES and commits:
            self.commit(found)

    def answer_request(self, image_id: str) -> None:
        if any(image_id in row["image_ids"] for row in self.rows.values()):
            self.send_grant({"image_id": image_id, "stored": True})
        elif self.refusal:
            self.send_grant({"image_id": image_id, "refused": self.refusal})
        else:
            self.signatures += 1
            url = f"http://127.0.0.1:{self.http.server_address[1]}/images/{image_id}?signature={self.signatures}"
            headers = {"Content-Type": "image/jpeg"}
            self.send_grant({"image_id": image_id, "url": url, "method": "PUT", "headers": headers, "expires_at": 1})

    def send_grant(self, grant: dict[str, Any]) -> None:
        self.client.publish(topic(THING, UPLOAD_GRANT), encode(BY_KIND[UPLOAD_GRANT], grant), 1)

    def commit(self, found: dict[str, Any]) -> None:
        uploaded = [image for image in found["images"] if image["image_id"] in self.blobs]
        for image in uploaded:
            assert hashlib.sha256(self.blobs[image["image_id"]]).hexdigest() == image["sha256"]
        with self.changed:
            row = self.rows.setdefault(found["event_id"], {"image_ids": set(), "messages": []})
            row["messages"].append(found)
            row["image_ids"].update(each["image_id"] for each in uploaded)
            self.wishes = [each for each in self.wishes if each != found["event_id"]]
            self.changed.notify_all()
        for image in uploaded:
            self.send_grant({"image_id": image["image_id"], "stored": True})
        self.publish_desired()

    def take_put(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        image_id = request.path.split("?")[0].rsplit("/", 1)[-1]
        with self.changed:
            answer: int | str = self.answers.popleft() if self.answers else 200
            if answer == 200 and image_id in self.blobs:
                answer = 409
            if answer in (200, "cut", "stored then hang"):
                self.blobs[image_id] = body
            self.puts.append((image_id, answer))
            self.changed.notify_all()
        if isinstance(answer, int):
            request.send_response(answer)
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif answer == "cut":
            request.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.released.wait(PATIENCE_S)

    def wait_for(self, found: Callable[[], object], what: str) -> None:
        """Wait until something is true that only messages and uploads can change."""
        with self.changed:
            if not self.changed.wait_for(found, PATIENCE_S):
                pytest.fail(f"expected that {what}; messages {self.messages}, uploads {self.puts}")

    def image_of(self, event_id: str) -> bytes:
        """Return the one image of an event."""
        (image_id,) = self.rows[event_id]["image_ids"]
        return self.blobs[image_id]

    def said(self, kind: str) -> list[dict[str, Any]]:
        with self.changed:
            return [message for each, message in self.messages if each == kind]

    def troubles(self) -> list[str]:
        """Return what the gateway has told of captures, in its heartbeats; a plain one may follow at any time."""
        return [each["refused"]["capture"] for each in self.said(HEARTBEAT) if "refused" in each]
