"""What the hub publishes while the broker is slow to acknowledge."""

from concurrent.futures import Future

import pytest

from cloud.adapters.local.device_hub_outgoing import MOST_UNACKNOWLEDGED, Outgoing, Publication


class Broker:
    """Keeps what it is sent, and acknowledges when told to."""

    def __init__(self):
        self.heard: list[Publication] = []
        self.answers: list[Future] = []
        self.is_there = True

    def send(self, publication):
        answer = Future()
        if self.is_there:
            self.heard.append(publication)
            self.answers.append(answer)
        else:
            answer.set_exception(ConnectionError("no broker"))
        return answer

    def acknowledge(self, most):
        for answer in self.answers[:most]:
            answer.set_result(None)
        del self.answers[:most]


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def full(broker):
    """Something to publish with whose window is full."""
    outgoing = Outgoing(broker.send)
    for number in range(MOST_UNACKNOWLEDGED):
        outgoing.publish(Publication(f"grant/{number}", b"", is_retained=False))
    return outgoing


def wish(number, topic="desired"):
    return Publication(topic, b"%d" % number, is_retained=True)


@pytest.mark.parametrize(("receive_maximum", "sent"), [(1, 1), (100, 50), (65_535, MOST_UNACKNOWLEDGED)])
def test_half_of_what_the_broker_takes_at_once_is_left(broker, receive_maximum, sent):
    outgoing = Outgoing(broker.send)
    outgoing.keep_within(receive_maximum)
    for number in range(MOST_UNACKNOWLEDGED + 1):
        outgoing.publish(Publication("grant", b"%d" % number, is_retained=False))
    assert len(broker.heard) == sent
    outgoing.silence(["desired"])
    assert broker.heard[-1].topic == "desired"


def test_what_the_window_has_no_room_for_waits_and_follows_in_order(full, broker):
    for number in range(3):
        full.publish(Publication("grant", b"%d" % number, is_retained=False))
    assert len(broker.heard) == MOST_UNACKNOWLEDGED
    broker.acknowledge(2)
    assert [one.payload for one in broker.heard[MOST_UNACKNOWLEDGED:]] == [b"0", b"1"]
    broker.acknowledge(1)
    assert broker.heard[-1].payload == b"2"


def test_of_the_wishes_that_wait_for_a_device_only_the_newest_is_sent(full, broker):
    for number in range(1000):
        full.publish(wish(number, "desired/a"))
        full.publish(wish(number, "desired/b"))
    broker.acknowledge(MOST_UNACKNOWLEDGED)
    assert broker.heard[MOST_UNACKNOWLEDGED:] == [wish(999, "desired/a"), wish(999, "desired/b")]


def test_a_silenced_topic_is_emptied_at_once_and_hears_nothing_more(full, broker):
    full.publish(wish(1))
    full.silence(["desired"])
    assert broker.heard[-1] == Publication("desired", b"", is_retained=True)
    full.publish(wish(2))
    broker.acknowledge(MOST_UNACKNOWLEDGED + 1)
    assert len(broker.heard) == MOST_UNACKNOWLEDGED + 1


def test_without_a_broker_nothing_waits(broker):
    outgoing = Outgoing(broker.send)
    broker.is_there = False
    for number in range(2 * MOST_UNACKNOWLEDGED):
        outgoing.publish(Publication(f"grant/{number}", b"", is_retained=False))
    broker.is_there = True
    outgoing.publish(wish(1))
    assert broker.heard == [wish(1)]


def test_an_end_of_the_connection_lets_go_of_all_that_waits(full, broker):
    full.publish(wish(1))
    broker.is_there = False
    for answer in list(broker.answers):
        answer.set_exception(ConnectionError("lost"))
    broker.is_there = True
    full.publish(wish(2))
    assert broker.heard[-1] == wish(2)
