"""Answers to devices: in their order, then what caused them is acknowledged, while the next group is stored."""

import threading

import pytest

from cloud.ports.device_hub import Downlink
from cloud.worker.answers import MOST_GROUPS, Answers
from tests.waiting import PATIENCE_S, until


class Line:
    """What is sent and acknowledged, in this order; ``held`` holds up what is sent."""

    def __init__(self):
        self.log, self.held = [], threading.Event()
        self.held.set()

    def publish(self, downlink):
        assert self.held.wait(PATIENCE_S)
        if downlink.thing == "wrong":
            raise ValueError("expected something else")
        if downlink.thing == "broken":
            raise RuntimeError("broken")
        self.log.append(downlink.thing)

    def done(self, number):
        return lambda: self.log.append(number)


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def answers(line):
    answers = Answers(line.publish)
    answers.start()
    yield answers
    line.held.set()
    answers.stop(PATIENCE_S)


def to(*things):
    return [Downlink(thing, "desired", {}) for thing in things]


def test_each_group_is_answered_and_then_acknowledged_in_the_order_of_commits(answers, line):
    answers.send(to("a", "b"), [line.done(1), line.done(2)])
    answers.send(to("a"), [line.done(3)])
    until(lambda: line.log == ["a", "b", 1, 2, "a", 3], lambda: f"all in their order, got {line.log}")


def test_an_older_wish_never_follows_a_newer_one(line):
    answers, sent = Answers(lambda downlink: sent.append((downlink.thing, downlink.kind, downlink.message))), []
    answers.start()
    wishes = [Downlink("a", "desired", {"rev": rev}) for rev in (5, 4, 5, 6)]
    answers.send([*wishes, Downlink("a", "uploads/grant", {}), Downlink("b", "desired", {"rev": 1})], [line.done(1)])
    answers.stop(PATIENCE_S)
    assert [message for thing, kind, message in sent if (thing, kind) == ("a", "desired")] == [
        {"rev": 5},
        {"rev": 5},
        {"rev": 6},
    ]
    assert len(sent) == 5
    assert line.log == [1]


def test_who_stores_goes_on_while_answers_are_sent_but_not_for_ever(answers, line):
    line.held.clear()
    for number in range(MOST_GROUPS + 1):  # one at work, the others wait
        answers.send(to(f"box {number}"))
    late = threading.Thread(target=answers.send, args=(to("late"),))
    late.start()
    assert late.is_alive()
    assert line.log == []
    line.held.set()
    late.join(PATIENCE_S)
    until(lambda: line.log[-1:] == ["late"], "the last answer")


def test_an_answer_that_breaks_the_contract_holds_up_nobody(answers, line):
    answers.send(to("wrong", "a"), [line.done(1)])
    until(lambda: line.log == ["a", 1], "the other answer and the acknowledgement")


def test_a_group_that_cannot_be_answered_is_not_acknowledged_and_the_next_one_is(answers, line):
    answers.send(to("broken"), [line.done(1)])
    answers.send(to("a"), [line.done(2)])
    until(lambda: line.log == ["a", 2], "the next group alone")
    assert answers.is_alive()


def test_what_was_told_before_the_end_is_sent(line):
    answers = Answers(line.publish)
    answers.start()
    answers.send(to("a"), [line.done(1)])
    answers.stop(PATIENCE_S)
    assert line.log == ["a", 1]
    assert not answers.is_alive()
