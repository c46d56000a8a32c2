"""The promises of every device hub: messages come until they are acknowledged, and answers find their device."""

import contextlib
import os
import signal
import socket
import ssl
import stat

import pytest

from cloud.adapters.local.device_hub import SERVER_CLIENT_ID
from cloud.adapters.local.device_hub_mosquitto import MAX_LOG_BYTES
from cloud.adapters.local.device_hub_outgoing import MOST_UNACKNOWLEDGED
from cloud.adapters.local.listening import free_port
from cloud.errors import ConfigurationError
from cloud.ports.device_hub import Downlink
from firmware.wire import codec, messages, topics
from tests.contract.device_hub.conftest import Place
from tests.things import HOST, Thing
from tests.waiting import PATIENCE_S, until

HEALTH = {"fw": "1", "next_s": 60}


def test_a_message_arrives_with_its_topics_thing_and_kind(listen, thing):
    server = listen()
    thing.publish(topics.HEARTBEAT, HEALTH)
    message, acknowledge = server.next()
    assert (message.thing, message.kind) == ("board-1", topics.HEARTBEAT)
    assert codec.json.loads(message.payload)["next_s"] == 60
    assert message.received_at > 0
    acknowledge()


def test_a_copy_that_the_broker_kept_is_told_from_what_is_said_now(listen, thing):
    first = listen()
    payload = codec.encode(messages.BY_KIND[topics.HEARTBEAT], HEALTH)
    thing.publish_bytes(topics.topic("board-1", topics.HEARTBEAT), payload, retain=True)
    message, acknowledge = first.next()
    assert (message.is_retained, message.payload) == (False, payload)
    acknowledge()
    first.hub.stop()
    copy, _ = listen().next()
    assert (copy.is_retained, copy.payload) == (True, payload)


def test_an_unacknowledged_message_is_delivered_again_and_an_acknowledged_one_is_not(listen, thing):
    first = listen()
    for number in range(1, 4):
        thing.publish(topics.HEARTBEAT, HEALTH | {"next_s": number})
    taken = [first.next() for _ in range(3)]
    taken[0][1]()
    first.hub.stop()
    second = listen()
    assert [codec.json.loads(second.next()[0].payload)["next_s"] for _ in range(2)] == [2, 3]


def test_messages_wait_for_a_server_that_is_away(listen, thing):
    listen().hub.stop()
    for number in range(1, 21):
        thing.publish(topics.HEARTBEAT, HEALTH | {"next_s": number})
    back = listen()
    assert [codec.json.loads(back.next()[0].payload)["next_s"] for _ in range(20)] == list(range(1, 21))


def test_an_acknowledgement_from_before_a_break_acknowledges_nothing_after_it(listen, thing):
    server = listen()
    thing.publish(topics.HEARTBEAT, HEALTH)
    message, old_acknowledge = server.next()
    listen().hub.stop()  # one of the same name: the broker ends the first one's connection
    assert server.connections.get(timeout=PATIENCE_S)
    again, _ = server.next()
    assert again.payload == message.payload
    old_acknowledge()
    server.hub.stop()
    assert listen().next()[0].payload == message.payload


def test_messages_wait_in_a_session_that_an_older_server_began(place, listen, thing):
    older = Thing(place.bundle("_server"), place.broker.port, keeps_session=True)  # it speaks MQTT 3.1.1
    older.listen(f"{topics.PREFIX}/+/{topics.HEARTBEAT}")
    older.drop()
    thing.publish(topics.HEARTBEAT, HEALTH)
    assert listen().next()[0].thing == "board-1"


def told_to(place, shown, patience_s=1.0):
    """Return the first bytes that a hub says to a broker that shows these credentials, b"" when it says none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*shown[1:])
    context.load_verify_locations(shown[0])
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server((HOST, 0)) as listener:
        place.broker.port = listener.getsockname()[1]
        listener.settimeout(PATIENCE_S)
        hub = place.hub()
        hub.start(lambda *_: None, lambda: None)
        plain, _ = listener.accept()
        said = b""
        plain.settimeout(patience_s)  # who refuses says nothing, and does not say so
        with plain, contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as line:
            said = line.recv(100)
    hub.stop()
    return said


def test_only_a_broker_of_our_authority_and_of_the_right_name_is_told_anything(place, tmp_path):
    stranger = Place(tmp_path / "stranger").authority
    write, authority = place._files, place.authority  # noqa: SLF001 - as the broker's own are written
    assert SERVER_CLIENT_ID.encode() in told_to(place, write("ours", authority.issue_server([])), PATIENCE_S)
    assert told_to(place, write("another name", authority.issue_device("board-1"))) == b""
    assert told_to(place, write("another authority", stranger.issue_server([]))) == b""


def test_what_is_published_without_a_broker_waits_for_nobody(place, listen):
    server = listen()
    place.broker.stop()
    until(lambda: not server.hub.is_connected(), "the end of the connection")
    for number in range(MOST_UNACKNOWLEDGED + 1):
        server.hub.publish(Downlink("board-1", topics.DESIRED, {"rev": number}))


def test_a_wish_is_retained_and_a_grant_is_not(listen, thing, place):
    server = listen()
    thing.listen_to_own()
    server.hub.publish(Downlink("board-1", topics.DESIRED, {"rev": 7}))
    server.hub.publish(Downlink("board-1", topics.UPLOAD_GRANT, {"image_id": "a", "stored": True}))
    assert thing.heard(topics.UPLOAD_GRANT)["image_id"] == "a"
    thing.leave()
    later = Thing(place.bundle("board-1"), place.broker.port)
    later.listen_to_own()
    assert later.heard(topics.DESIRED)["rev"] == 7
    server.hub.publish(Downlink("board-1", topics.UPLOAD_GRANT, {"image_id": "b", "stored": True}))
    assert later.heard(topics.UPLOAD_GRANT)["image_id"] == "b"
    assert [retained for _, _, retained in later.said] == [True, False]
    later.leave()


def test_a_message_that_breaks_the_contract_is_not_sent(listen):
    with pytest.raises(codec.WireError, match="rev: expected"):
        listen().hub.publish(Downlink("board-1", topics.DESIRED, {"rev": -1}))


def test_a_hub_comes_back_to_a_broker_that_was_killed(place, listen, thing):
    server = listen()
    os.kill(place.broker._process.pid, signal.SIGKILL)  # noqa: SLF001 - lack of memory kills so
    assert server.connections.get(timeout=PATIENCE_S)
    thing.publish(topics.HEARTBEAT, HEALTH)
    assert server.next()[0].thing == "board-1"


def test_a_hub_that_is_held_up_while_the_broker_dies_comes_back_once_it_may_go_on(place, listen, thing):
    listening = listen()
    listening.hub.hold_up()
    os.kill(place.broker._process.pid, signal.SIGKILL)  # noqa: SLF001 - lack of memory kills so
    listening.hub.go_on()
    assert listening.connections.get(timeout=PATIENCE_S)
    thing.publish(topics.HEARTBEAT, HEALTH)
    assert listening.next()[0].thing == "board-1"


def test_a_broker_that_is_told_to_stop_is_gone_and_stays_gone(place):
    process = place.broker._process  # noqa: SLF001 - nobody else knows it
    place.broker.stop()
    assert process.poll() is not None
    place.broker.stop()
    with socket.socket() as probe:
        assert probe.connect_ex((place.broker.host, place.broker.port)) != 0


def test_a_taken_port_is_a_clear_refusal(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        place = Place(tmp_path, other.getsockname()[1])
        with pytest.raises(ConfigurationError, match=r"expected port .* to be free for MQTT"):
            place.broker.start()


def test_an_address_that_is_not_ours_is_a_clear_refusal(tmp_path):
    place = Place(tmp_path, free_port("127.0.0.1"))
    place.broker.host = "203.0.113.1"
    with pytest.raises(ConfigurationError, match="expected to listen on"):
        place.broker.start()


def test_a_program_that_is_no_broker_is_a_clear_refusal(tmp_path):
    place = Place(tmp_path)
    program = tmp_path / "mosquitto"
    # It says so at its first start only: what counts is all that was said until the hub gives up.
    program.write_text('#!/bin/sh\nmkdir "$0.said" 2>/dev/null && echo I am no broker >&2\nsleep 1\nexit 3\n')
    program.chmod(0o755)
    place.broker._program = program  # noqa: SLF001 - in place of an argument for one test
    with pytest.raises(ConfigurationError, match="I am no broker"):
        place.broker.start()


def test_what_the_broker_keeps_is_for_its_owner_only_and_its_log_does_not_grow_for_ever(tmp_path):
    place = Place(tmp_path)
    folder = tmp_path / "broker"
    folder.mkdir(mode=0o700)
    (folder / "mosquitto.log").write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    place.broker.start()
    assert place.is_let_in("board-1")  # it is past its start and ends in order when told to
    place.broker.stop()
    assert (folder / "mosquitto.log").stat().st_size < MAX_LOG_BYTES
    for name in ("acl", "mosquitto.conf"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    until((folder / "mosquitto.db").exists, "the store")
    assert stat.S_IMODE((folder / "mosquitto.db").stat().st_mode) & 0o077 == 0
