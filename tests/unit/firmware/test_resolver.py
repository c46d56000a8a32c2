"""Names become addresses by the answers of a name server, and whatever else it sends becomes an error in time."""

import struct

import pytest

from firmware.resolver import lookup
from tests.name_server import NameServer

QUESTION = b"\x06broker\x07example\x00\x00\x01\x00\x01"
POINTER = b"\xc0\x0c"


def record(kind, content, name=POINTER):
    return name + struct.pack("!HHIH", kind, 1, 60, len(content)) + content


def answer(*records, flags=0x8180, number=7):
    return struct.pack("!HHHHHH", number, flags, 1, len(records), 0, 0) + QUESTION + b"".join(records)


ALIAS = record(5, b"\x03lan\x00")
ADDRESS = record(1, bytes([192, 0, 2, 7]))


@pytest.mark.parametrize(
    "records", [[ADDRESS], [ALIAS, ADDRESS], [record(1, bytes([192, 0, 2, 7]), QUESTION[:-4])], [ADDRESS, ALIAS]]
)
def test_the_first_address_of_an_answer_counts(ask, records):
    assert ask(answer(*records)) == ("192.0.2.7", struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + QUESTION)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        answer()[:5],
        answer(ADDRESS)[:-3],
        answer(ADDRESS)[:-11],
        answer(ALIAS),
        answer(ADDRESS, number=8),
        answer(ADDRESS, flags=0x0100),
        answer(flags=0x8183),
        b"\xff" * 512,
    ],
)
def test_an_answer_that_names_no_address_is_an_error(ask, sent):
    with pytest.raises(OSError, match="2"):
        ask(sent)


def test_a_name_server_that_is_silent_is_waited_for_no_longer_than_asked(ask):
    with pytest.raises(OSError, match="110"):
        ask(None, timeout_ms=10)


def test_a_question_that_was_lost_is_asked_again():
    answers = [None, answer(ADDRESS)]
    server = NameServer(lambda _: answers.pop(0))
    try:
        assert lookup("broker.example", "127.0.0.1", 7, 1000, server.port) == "192.0.2.7"
    finally:
        server.stop()


def test_an_answer_may_come_from_elsewhere_than_was_asked():
    server = NameServer(lambda _: answer(ADDRESS), answers_from_elsewhere=True)
    try:
        assert lookup("broker.local", "127.0.0.1", 7, 2000, server.port) == "192.0.2.7"
    finally:
        server.stop()
