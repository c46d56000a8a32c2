"""Acknowledgements that are given faster than they leave."""

import threading
from concurrent.futures import Future

import pytest

from cloud.adapters.local.device_hub_acknowledgements import MOST_AT_ONCE, Acknowledgements


class Client:
    """Keeps what it is given, and lets it leave when told to."""

    def __init__(self):
        self.given = []
        self.marks = []
        self.is_connected = True

    def mark(self):
        mark = Future()
        self.marks.append(mark)
        if not self.is_connected:
            mark.set_exception(ConnectionError("no broker"))
        return mark

    def leave(self):
        self.marks.pop(0).set_result(None)


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def acknowledgements(client):
    return Acknowledgements(client.given.append, client.mark)


def test_few_are_given_at_once_and_nothing_is_marked(client, acknowledgements):
    for number in range(MOST_AT_ONCE - 1):
        acknowledgements.give(number)
    assert (client.given, client.marks) == (list(range(MOST_AT_ONCE - 1)), [])


def test_more_follow_in_order_once_those_before_have_left(client, acknowledgements):
    for number in range(MOST_AT_ONCE * 2 + 10):
        acknowledgements.give(number)
    for rounds in (1, 2):
        assert client.given == list(range(MOST_AT_ONCE * rounds))
        client.leave()
    assert client.given == list(range(MOST_AT_ONCE * 2 + 10))
    assert client.marks == []


def test_without_a_connection_nothing_waits(client, acknowledgements):
    client.is_connected = False
    for number in range(MOST_AT_ONCE * 3):
        acknowledgements.give(number)
    assert len(client.given) == MOST_AT_ONCE * 3


def test_who_waits_for_all_to_leave_is_called_once_they_have(client, acknowledgements):
    for number in range(MOST_AT_ONCE + 10):
        acknowledgements.give(number)
    called = []
    acknowledgements.when_all_left(lambda: called.append(len(client.given)))
    client.leave()
    assert called == []
    while client.marks:
        client.leave()
    assert called == [MOST_AT_ONCE + 10]


def test_without_a_connection_nobody_waits_for_what_never_leaves(client, acknowledgements):
    for number in range(MOST_AT_ONCE + 10):
        acknowledgements.give(number)
    client.is_connected, called = False, []
    acknowledgements.when_all_left(lambda: called.append("called"))
    assert called == ["called"]


def test_at_the_end_all_are_given(client, acknowledgements):
    for number in range(MOST_AT_ONCE * 3):
        acknowledgements.give(number)
    acknowledgements.send_all()
    client.leave()
    assert client.given == list(range(MOST_AT_ONCE * 3))


def test_several_threads_give_each_once(client, acknowledgements):
    def give(first):
        for number in range(first, first + MOST_AT_ONCE):
            acknowledgements.give(number)

    threads = [threading.Thread(target=give, args=(first * MOST_AT_ONCE,)) for first in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or client.marks:
        if client.marks:
            client.leave()
    assert sorted(client.given) == list(range(MOST_AT_ONCE * 3))
