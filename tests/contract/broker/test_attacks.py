"""The broker as ``pillarbox up`` runs it, attacked: a thing speaks only as itself and hears only what is its own."""

import os
import random
import socket
from contextlib import suppress

import pytest

from cloud.adapters.local.certificate_authority import FolderCertificateAuthority
from firmware.wire import topics
from tests.things import HOST, connect_packet, is_taken, trusting
from tests.unit.cloud.messages import announcement, event, events
from tests.waiting import until

HEALTH = {"fw": "marker", "next_s": 60}


def firmware_of(server, bundle):
    return server.rows("SELECT firmware FROM devices WHERE thing = ?", bundle.name)[0][0]


def online_of(server, bundle):
    return server.rows("SELECT online FROM devices WHERE thing = ?", bundle.name)[0][0]


def is_alive(server, connect, bundle, marker):
    """Fail unless the server still takes this device's messages; all before them have been dealt with then."""
    thing = connect(bundle)
    thing.publish(topics.HEARTBEAT, HEALTH | {"fw": marker})
    until(lambda: firmware_of(server, bundle) == marker, f"the heartbeat {marker} of {bundle.name}")


def test_a_device_with_its_certificate_is_taken(server, board):
    assert is_taken(server.mqtt_port, trusting(board), connect_packet(board.name))


def test_no_certificate_is_refused(server, board):
    context = trusting(board, with_certificate=False)
    assert not is_taken(server.mqtt_port, context, connect_packet(board.name))


def test_a_connection_without_tls_is_refused(server, board):
    assert not is_taken(server.mqtt_port, None, connect_packet(board.name))


def test_a_certificate_of_a_foreign_authority_is_refused(server, board, tmp_path):
    forged = FolderCertificateAuthority(tmp_path / "pki").issue_device(board.name)
    (tmp_path / "cert.pem").write_bytes(forged.certificate)
    (tmp_path / "key.pem").write_bytes(forged.key)
    context = trusting(board, with_certificate=False)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    assert not is_taken(server.mqtt_port, context, connect_packet(board.name))


def test_the_brokers_own_certificate_is_no_pass(server, board):
    pki = server.data / "pki"
    context = trusting(board, with_certificate=False)
    context.load_cert_chain(pki / "server.pem", pki / "server.key.pem")
    assert not is_taken(server.mqtt_port, context, connect_packet("_server"))


@pytest.mark.parametrize("kind", topics.UP)
def test_what_is_published_on_a_foreign_topic_never_arrives(server, connect, board, stranger, kind):
    attacker = connect(stranger)
    bad = b'{"v": 1, "fw": "forged", "next_s": 60, "online": true}'
    attacker.publish_bytes(topics.topic(board.name, kind), bad)
    is_alive(server, connect, stranger, kind)
    assert (firmware_of(server, board), online_of(server, board)) == (None, None)
    assert server.rows("SELECT count(*) FROM jobs WHERE subject_id = ?", board.name) == [(0,)]


def test_what_is_published_outside_the_contract_never_arrives(server, connect, board):
    thing = connect(board)
    for topic in (
        f"pillarbox/v1/{board.name}/anything",
        "anything",
        "$SYS/broker/version",
        f"pillarbox/v1/{board.name}",
    ):
        thing.publish_bytes(topic, b"x", retain=True)
    is_alive(server, connect, board, "outside")
    assert server.rows("SELECT count(*) FROM jobs WHERE subject_id = ?", board.name) == [(0,)]


def test_a_device_cannot_tell_itself_what_to_do(server, connect, board):
    thing = connect(board)
    forged = b'{"v": 1, "rev": 9007199254740991, "settings": {"forged": true}}'
    thing.publish_bytes(topics.topic(board.name, topics.DESIRED), forged, retain=True)
    thing.publish_bytes(topics.topic(board.name, topics.UPLOAD_GRANT), b'{"v": 1, "image_id": "x", "stored": true}')
    thing.publish(topics.EVENTS, events(event("open", 1)))
    thing.listen_to_own()
    assert thing.heard(topics.DESIRED)["ack"]["seq"] == 1
    assert all("forged" not in str(message) for _, message, _ in thing.said)
    assert topics.topic(board.name, topics.UPLOAD_GRANT) not in [topic for topic, _, _ in thing.said]
    assert firmware_of(server, board) == "1"


def test_nothing_of_another_device_is_heard_not_even_what_is_retained(connect, board, gateway, stranger):
    spy = connect(stranger)
    victim, camera = connect(board), connect(gateway)
    victim.publish(topics.EVENTS, events(event("open", 1), event("close", 2)))
    camera.listen_to_own()
    assert camera.heard(topics.DESIRED, lambda message: "capture" in message)
    spy.listen("#", "+/+/+/+", f"{topics.PREFIX}/+/desired", f"{topics.PREFIX}/#", "$SYS/#")
    for kind in (*topics.UP, *topics.DOWN):
        spy.listen(topics.topic(board.name, kind), topics.topic(gateway.name, kind))
    camera.publish(topics.IMAGES, announcement(event_id=event("close", 2)["event_id"]))
    assert camera.heard(topics.DESIRED, lambda message: "capture" not in message)
    spy.publish(topics.EVENTS, events(event("open", 1)))
    assert spy.heard(topics.DESIRED, lambda message: "ack" in message)
    own = topics.topic(stranger.name, topics.DESIRED)
    assert {topic for topic, _, _ in spy.said} == {own}


def test_a_foreign_last_will_is_not_executed(server, connect, board, gateway, stranger):
    will = (topics.topic(board.name, topics.STATUS), b'{"v": 1, "online": true, "fw": "forged"}', 1, True)
    attacker = connect(stranger, will=will)
    honest = connect(gateway, will=(topics.topic(gateway.name, topics.STATUS), b'{"v": 1, "online": false}', 1, True))
    honest.publish(topics.STATUS, {"online": True})
    until(lambda: online_of(server, gateway) == 1, "the gateway to be online")
    attacker.drop()
    honest.drop()
    until(lambda: online_of(server, gateway) == 0, "the honest last will")
    is_alive(server, connect, gateway, "after the will")
    assert (firmware_of(server, board), online_of(server, board)) == (None, None)


@pytest.mark.parametrize("foreign", ["board", "_server"])
def test_a_foreign_client_id_neither_evicts_nor_impersonates(server, connect, board, stranger, foreign):
    victim = connect(board)
    attacker = connect(stranger, client_id=board.name if foreign == "board" else "_server")
    attacker.publish_bytes(topics.topic(board.name, topics.HEARTBEAT), b'{"v": 1, "fw": "forged", "next_s": 1}')
    attacker.publish(topics.HEARTBEAT, HEALTH)
    until(lambda: firmware_of(server, stranger) == "marker", "the attacker to be taken for who it is")
    victim.publish(topics.HEARTBEAT, HEALTH | {"fw": "mine"})
    until(lambda: firmware_of(server, board) == "mine", "the victim's heartbeat")
    assert victim.disconnections == 0


def test_two_hundred_kilobytes_are_refused_and_harm_nobody(server, connect, board, stranger):
    bystander = connect(board)
    attacker = connect(stranger)
    attacker.publish_unheard(topics.topic(stranger.name, topics.EVENTS), b"x" * 200_000)
    until(lambda: attacker.disconnections > 0, "the attacker to be disconnected")
    attacker.drop()
    bystander.publish(topics.HEARTBEAT, HEALTH)
    until(lambda: firmware_of(server, board) == "marker", "the bystander's heartbeat")
    assert bystander.disconnections == 0
    assert server.rows("SELECT count(*) FROM jobs WHERE subject_id = ?", stranger.name) == [(0,)]


def test_the_largest_message_of_the_contract_is_taken(server, connect, board):
    payload = b'{"v": 1, "fw": "large", "next_s": 60, "x": "' + b"x" * (topics.MAX_PAYLOAD_BYTES - 46) + b'"}'
    assert len(payload) == topics.MAX_PAYLOAD_BYTES
    connect(board).publish_bytes(topics.topic(board.name, topics.HEARTBEAT), payload)
    until(lambda: firmware_of(server, board) == "large", "the large heartbeat")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "expected JSON in UTF-8"),
        (b"\x00\xff", "expected JSON in UTF-8"),
        (b'{"v": 2, "fw": "1"}', "v: expected 1, got 2"),
        (b'{"v": 1, "fw": "1", "next_s": -1}', "next_s: expected a whole number from 1 to 31622400, got -1"),
    ],
)
def test_a_malformed_message_is_parked_with_its_reason_and_the_server_carries_on(
    server, connect, board, payload, reason
):
    thing = connect(board)
    thing.publish_bytes(topics.topic(board.name, topics.HEARTBEAT), payload)
    thing.publish(topics.HEARTBEAT, HEALTH)
    until(lambda: firmware_of(server, board) == "marker", "the heartbeat after the malformed one")
    query = "SELECT stage, state, reason, payload FROM jobs WHERE subject_id = ?"
    ((stage, state, why, kept),) = server.rows(query, board.name)
    assert (stage, state, kept) == ("heartbeat", "parked", payload)
    assert reason in why


def test_a_repeated_event_is_stored_once_and_acknowledged_each_time(server, connect, board):
    thing = connect(board)
    thing.listen_to_own()
    revisions = []
    for _ in range(3):
        thing.publish(topics.EVENTS, events(event("open", 1)))
        newer = thing.heard(topics.DESIRED, lambda message: message["rev"] > max(revisions, default=0))
        assert newer["ack"]["seq"] == 1
        revisions.append(newer["rev"])
    query = "SELECT count(*) FROM mailbox_events JOIN devices ON devices.id = device_id WHERE thing = ?"
    assert server.rows(query, board.name) == [(1,)]


def test_a_time_in_2001_is_stored_parked_with_its_reason_and_acknowledged(server, connect, board):
    thing = connect(board)
    thing.listen_to_own()
    thing.publish(topics.EVENTS, events(event("open", 1, occurred_at=1_000_000_000_000)))
    assert thing.heard(topics.DESIRED)["ack"]["seq"] == 1
    ((reason,),) = server.rows("SELECT reason FROM jobs WHERE subject_id = ?", board.name)
    assert "expected a time from 2024 to now, got 1000000000000 ms" in reason


def test_noise_harms_nobody(server, connect, board):
    noise = random.Random(7)  # noqa: S311 - noise, no secret
    context = trusting(board)
    for number in range(120):
        # The broker may hang up in the middle of it, and then has done right.
        with suppress(OSError), socket.create_connection((HOST, server.mqtt_port), timeout=30) as line:
            if number % 2:
                line.sendall(noise.randbytes(noise.randrange(1, 2000)))
                line.shutdown(socket.SHUT_WR)
            else:
                with context.wrap_socket(line, server_hostname="localhost") as secure:
                    secure.sendall(b"\x10" + noise.randbytes(noise.randrange(20, 200)))
    is_alive(server, connect, board, "after the noise")
    os.kill(server.pid, 0)
