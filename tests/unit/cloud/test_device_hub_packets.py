"""MQTT packets as the server's hub reads and writes them, in whatever pieces they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.local import device_hub_packets as packets


def split(stream, size):
    reader = packets.PacketReader()
    return [packet for at in range(0, len(stream), size) for packet in reader.read(stream[at : at + size])]


@given(st.lists(st.binary(max_size=400), max_size=5), st.integers(min_value=1, max_value=600))
def test_what_is_published_is_read_in_whatever_pieces_it_comes(payloads, size):
    stream = b"".join(packets.publish(7, "pillarbox/v1/board-1/events", one, retain=False) for one in payloads)
    said = [packets.publication(packet) for packet in split(stream, size)]
    assert said == [packets.Publication("pillarbox/v1/board-1/events", 7, one) for one in payloads]


def test_packets_are_written_as_the_standard_says():
    assert packets.connect("a", 30) == b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x1e\x00\x01a"
    assert packets.subscribe(1, ["t"]) == b"\x82\x06\x00\x01\x00\x01t\x01"
    assert packets.publish(2, "t", b"x", retain=True) == b"\x33\x06\x00\x01t\x00\x02x"
    assert packets.acknowledge(258) == b"\x40\x02\x01\x02"


def test_a_message_of_qos_0_has_no_number():
    (packet,) = split(b"\x30\x04\x00\x01tx", 6)
    assert packets.publication(packet) == packets.Publication("t", None, b"x")


def test_a_length_of_two_bytes_is_read():
    (packet,) = split(packets.publish(1, "t", b"x" * 200, retain=False), 1)
    assert len(packets.publication(packet).payload) == 200


@pytest.mark.parametrize("stream", [b"\x30\xff\xff\xff\xff\x01", b"\x30\xff\xff\xff\x7f"])
def test_a_length_that_no_broker_of_ours_sends_ends_the_line(stream):
    with pytest.raises(packets.PacketError, match="expected"):
        split(stream, len(stream))


def test_a_message_shorter_than_its_topic_is_refused():
    (packet,) = split(b"\x32\x03\x00\x09t", 5)
    with pytest.raises(packets.PacketError, match="at least 13 bytes, got 3"):
        packets.publication(packet)
