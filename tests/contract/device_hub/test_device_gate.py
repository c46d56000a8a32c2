"""The promises of every device gate: who is revoked is out at once and stays out, and nobody else notices."""

import socket

import pytest

from cloud.adapters.local.device_hub_offline import OfflineDeviceGate
from cloud.errors import RetryLaterError
from cloud.ports.device_hub import Downlink
from cloud.worker.gate import ServerDeviceGate
from firmware.wire import topics
from tests.contract.device_hub.conftest import Place
from tests.things import HOST, Thing, connect_packet, trusting
from tests.waiting import PATIENCE_S, until

HEALTH = {"fw": "1", "next_s": 60}


@pytest.fixture
def server(listen):
    return listen()


def revoke(place, server, thing="board-1"):
    server.hub.revoke(thing, (place.bundle(thing) / "serial").read_text())


def test_a_revoked_thing_is_thrown_out_and_not_let_in_again(place, server, thing):
    revoke(place, server)
    until(lambda: thing.disconnections, "the end of its connection")
    assert not place.is_let_in("board-1")


def test_the_others_stay_connected(place, server, thing):
    other = Thing(place.bundle("board-2"), place.broker.port)
    revoke(place, server)
    until(lambda: thing.disconnections, "the end of the connection of the revoked one")
    other.publish(topics.HEARTBEAT, HEALTH)
    assert server.next()[0].thing == "board-2"
    assert other.disconnections == 0
    assert place.is_let_in("board-3")
    other.leave()


def test_revoking_one_after_the_other_revokes_all(place, server):
    things = [f"board-{number}" for number in range(4)]
    assert all(map(place.is_let_in, things))
    for one in things[:3]:
        revoke(place, server, one)
    assert [place.is_let_in(one) for one in things] == [False, False, False, True]


def test_revoking_again_is_harmless_and_so_is_who_never_came(place, server):
    for _ in range(3):
        revoke(place, server, "board-9")
    assert not place.is_let_in("board-9")


def test_a_revoked_thing_stays_out_when_the_broker_starts_again(tmp_path, place, server):
    revoke(place, server)
    server.hub.stop()
    place.broker.stop()
    again = Place(tmp_path)
    again.broker.start()
    assert not again.is_let_in("board-1")
    assert again.is_let_in("board-2")
    again.broker.stop()


def test_no_wish_is_kept_for_a_revoked_thing_nor_sent_to_it(place, server, thing):
    server.hub.publish(Downlink("board-1", topics.DESIRED, {"rev": 7}))
    thing.listen_to_own()
    assert thing.heard(topics.DESIRED)["rev"] == 7
    revoke(place, server)
    server.hub.publish(Downlink("board-1", topics.DESIRED, {"rev": 8}))
    server.hub.stop()
    assert [message["rev"] for _, message, _ in thing.said] == [7]
    (place.folder / "board-1").rename(place.folder / "revoked")  # its name lives on in another's certificate
    place.broker.stop()
    again = Place(place.folder)
    again.broker.start()
    heir = Thing(again.bundle("board-1"), again.broker.port)
    heir.listen_to_own()
    hub = again.hub()
    hub.start(lambda *_: None, lambda: hub.publish(Downlink("board-1", topics.UPLOAD_GRANT, {"image_id": "a"})))
    assert heir.heard(topics.UPLOAD_GRANT)["image_id"] == "a"
    assert [topic for topic, _, _ in heir.said] == [topics.topic("board-1", topics.UPLOAD_GRANT)]
    heir.leave()
    hub.stop()
    again.broker.stop()


def test_a_connection_that_was_past_its_handshake_can_neither_speak_nor_hear(place, server):
    with (
        socket.create_connection((HOST, place.broker.port), timeout=PATIENCE_S) as plain,
        trusting(place.bundle("board-1")).wrap_socket(plain, server_hostname="localhost") as early,
    ):
        revoke(place, server)
        early.sendall(connect_packet("board-1"))
        early.recv(4)
        topic = topics.topic("board-1", topics.HEARTBEAT).encode()
        body = bytes([0, len(topic)]) + topic + b'{"v": 1, "fw": "forged", "next_s": 60}'
        early.sendall(b"\x30" + bytes([len(body)]) + body + b"\xc0\x00")
        assert early.recv(2) == b"\xd0\x00"  # PINGRESP: what came before it is dealt with
    other = Thing(place.bundle("board-2"), place.broker.port)
    other.publish(topics.HEARTBEAT, HEALTH)
    assert server.next()[0].thing == "board-2"
    other.leave()


def test_without_a_broker_it_is_tried_again_later(place, server):
    place.broker.stop()
    with pytest.raises(RetryLaterError, match="expected the broker"):
        revoke(place, server)


def test_a_process_without_a_connection_leaves_it_to_the_server():
    with pytest.raises(RetryLaterError, match="expected the running server to revoke board-1"):
        OfflineDeviceGate().revoke("board-1", "1f")
    with pytest.raises(RetryLaterError, match="expected the running server to tell board-1"):
        OfflineDeviceGate().tell(Downlink("board-1", topics.DESIRED, {"rev": 1}))


def test_a_server_that_starts_tells_devices_later():
    gate, told = ServerDeviceGate(OfflineDeviceGate()), []
    wish = Downlink("board-1", topics.DESIRED, {"rev": 1})
    with pytest.raises(RetryLaterError, match="expected a server that has started to tell board-1"):
        gate.tell(wish)
    gate.speak_by(told.append)
    gate.tell(wish)
    assert told == [wish]
