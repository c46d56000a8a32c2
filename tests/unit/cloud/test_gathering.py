"""What many ask at once is answered in groups, each by its own answer."""

import asyncio

import pytest

from cloud import correlation
from cloud.errors import NotFoundError, RetryLaterError
from cloud.ports.gathering import MOST_TOGETHER, Gathering


class Answering:
    """Doubles numbers; negative ones are refused, ``broken`` ones fail whatever group they are in."""

    def __init__(self, broken=(), error=ValueError):
        self.groups = []
        self._broken, self._error = broken, error

    async def __call__(self, numbers):
        self.groups.append(list(numbers))
        await asyncio.sleep(0)
        if set(numbers) & set(self._broken):
            raise self._error("broken")
        return [NotFoundError("negative") if one < 0 else 2 * one for one in numbers]


def asked(answering, numbers):
    async def ask_all():
        gathering = Gathering(answering)
        return await asyncio.gather(*(gathering.ask(one) for one in numbers), return_exceptions=True)

    return asyncio.run(ask_all())


def test_what_comes_together_is_one_group_and_each_gets_its_own_answer():
    answering = Answering()
    assert asked(answering, range(10)) == [2 * one for one in range(10)]
    assert answering.groups == [list(range(10))]


def test_a_group_belongs_to_nobodys_story():
    stories = []

    async def answer(numbers):
        stories.append(correlation.current())
        return numbers

    async def ask():
        correlation.begin("somebody")
        return await Gathering(answer).ask(1)

    assert asyncio.run(ask()) == 1
    assert stories == [""]


def test_a_group_has_an_end():
    answering = Answering()
    asked(answering, range(MOST_TOGETHER + 1))
    assert [len(group) for group in answering.groups] == [MOST_TOGETHER, 1]


def test_what_comes_meanwhile_is_the_next_group():
    answering = Answering()

    async def ask():
        gathering = Gathering(answering)
        first = asyncio.create_task(gathering.ask(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await asyncio.gather(first, gathering.ask(2), gathering.ask(3))

    assert asyncio.run(ask()) == [2, 4, 6]
    assert answering.groups == [[1], [2, 3]]


class Patient:
    """Answers a group once it may, and so takes as long as the test likes."""

    def __init__(self):
        self.groups, self.may = [], asyncio.Event()

    async def __call__(self, numbers):
        self.groups.append(list(numbers))
        await self.may.wait()
        return numbers


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_second_group_goes_its_way_once_it_is_as_large_as_the_one_at_work():
    answering = Patient()

    async def ask():
        gathering = Gathering(answering)
        asking = [asyncio.create_task(gathering.ask(one)) for one in (1, 2)]
        await turns()
        asking.append(asyncio.create_task(gathering.ask(3)))
        await turns()
        assert answering.groups == [[1, 2]]
        asking.append(asyncio.create_task(gathering.ask(4)))
        await turns()
        assert answering.groups == [[1, 2], [3, 4]]
        asking += [asyncio.create_task(gathering.ask(one)) for one in (5, 6, 7)]
        await turns()
        assert answering.groups == [[1, 2], [3, 4]]  # two at work are enough
        answering.may.set()
        return await asyncio.gather(*asking)

    assert asyncio.run(ask()) == [1, 2, 3, 4, 5, 6, 7]
    assert answering.groups == [[1, 2], [3, 4], [5, 6, 7]]


def test_where_one_group_is_the_most_the_next_waits_for_its_end():
    answering = Patient()

    async def ask():
        gathering = Gathering(answering, most_groups=1)
        asking = [asyncio.create_task(gathering.ask(1))]
        await turns()
        asking += [asyncio.create_task(gathering.ask(one)) for one in (2, 3)]
        await turns()
        assert answering.groups == [[1]]
        answering.may.set()
        return await asyncio.gather(*asking)

    assert asyncio.run(ask()) == [1, 2, 3]
    assert answering.groups == [[1], [2, 3]]


def test_one_who_asks_after_a_group_is_answered_without_the_others():
    answering = Answering()

    async def ask():
        gathering = Gathering(answering)
        await asyncio.gather(gathering.ask(1), gathering.ask(2))
        return await gathering.ask(3)

    assert asyncio.run(ask()) == 6
    assert answering.groups == [[1, 2], [3]]


def test_a_refusal_is_its_owners_alone():
    first, refused, last = asked(Answering(), [1, -1, 2])
    assert (first, last) == (2, 4)
    assert isinstance(refused, NotFoundError)


def test_a_group_that_fails_is_asked_again_one_by_one():
    answering = Answering(broken=[2])
    first, failed, last = asked(answering, [1, 2, 3])
    assert (first, last) == (2, 6)
    assert isinstance(failed, ValueError)
    assert answering.groups == [[1, 2, 3], [1], [2], [3]]


def test_a_fault_that_passes_is_everybodys():
    answering = Answering(broken=[2], error=RetryLaterError)
    assert {type(one) for one in asked(answering, [1, 2, 3])} == {RetryLaterError}
    assert answering.groups == [[1, 2, 3]]


def test_who_goes_away_leaves_the_others_their_answers():
    async def ask():
        gathering = Gathering(Answering())
        leaving, staying = asyncio.create_task(gathering.ask(1)), asyncio.create_task(gathering.ask(2))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        return await staying

    assert asyncio.run(ask()) == 4


def test_each_event_loop_has_groups_of_its_own():
    gathering = Gathering(Answering())
    assert [asyncio.run(gathering.ask(number)) for number in (1, 2)] == [2, 4]
