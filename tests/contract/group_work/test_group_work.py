"""The promises of group work, wherever it is done; and of the process beside the server."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest

from cloud import bootstrap
from cloud.adapters.local.group_work import ThreadGroupWork
from cloud.adapters.local.group_work_process import WORTH_IT, Effects, ProcessGroupWork
from cloud.errors import ConflictError, PillarboxError
from tests.contract.group_work import works
from tests.unit.cloud.messages import rows
from tests.waiting import PATIENCE_S


@asynccontextmanager
async def in_threads(app, **_):
    yield ThreadGroupWork(bootstrap.means(app.settings, app.database, app.queue))


@asynccontextmanager
async def beside(app, **changed):
    """Yield group work whose process runs."""
    async with in_threads(app) as here:
        group_work = ProcessGroupWork(here, app.settings, Effects(app.database.commits, app.queue.wake), **changed)
        await large(group_work)
        await until(lambda: group_work.child_pid)
        yield group_work
        await group_work.close()


async def large(group_work):
    return await group_work.run(works.name_process, "large", WORTH_IT)


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture(params=[in_threads, beside])
def place(request):
    return request.param


def test_what_is_committed_is_told_here_and_wakes_who_works_here(app, place):
    told, generation = [], app.queue.generation()
    app.database.commits.listen(told.extend)

    async def add():
        async with place(app) as group_work:
            return await group_work.run(works.add_household, "h1", 1)

    assert asyncio.run(add()) == "h1"
    assert rows(app, "SELECT id FROM households") == [("h1",)]
    assert told == ["h1"]
    assert app.queue.generation() > generation


def test_what_the_work_raises_is_raised_here(app, place):
    async def ask():
        async with place(app) as group_work:
            with pytest.raises(ConflictError, match="expected another than that"):
                await group_work.run(works.refuse, "that", 1)

    asyncio.run(ask())


def test_an_error_that_cannot_be_sent_is_told_in_words(app):
    async def ask():
        async with beside(app) as group_work:
            with pytest.raises(PillarboxError, match="UnsendableError: it is broken"):
                await group_work.run(works.fail, "it", 1)
            with pytest.raises(PillarboxError, match="UnreadableError: it is broken"):
                await group_work.run(works.fail_badly, "it", 1)
            assert await group_work.run(works.name_process, 1, 1) == (group_work.child_pid, 1)

    asyncio.run(ask())


def test_the_process_starts_with_a_large_group_and_does_small_ones_too(app):
    async def ask():
        async with in_threads(app) as here:
            group_work = ProcessGroupWork(here, app.settings, Effects(app.database.commits, app.queue.wake))
            assert await group_work.run(works.name_process, "small", WORTH_IT - 1) == (os.getpid(), "small")
            assert group_work.child_pid is None
            assert await large(group_work) == (os.getpid(), "large")  # nobody waits for its start
            await until(lambda: group_work.child_pid)
            assert await group_work.run(works.name_process, "small", 1) == (group_work.child_pid, "small")
            child = group_work.child_pid
            await group_work.close()
        assert is_gone(child)

    asyncio.run(ask())


def test_a_process_that_dies_with_its_answer_is_replaced_and_its_work_is_done_once(app):
    async def ask():
        async with beside(app) as group_work:
            lost = group_work.child_pid
            given = ("h1", os.getpid(), False)
            assert await group_work.run(works.add_and_die, given, 1, works.mark_again) == "done again"
            assert group_work.child_pid is None
            await until(lambda: is_gone(lost))
            async with asyncio.timeout(PATIENCE_S):
                while not group_work.child_pid:
                    await large(group_work)
            assert (await large(group_work))[0] == group_work.child_pid

    asyncio.run(ask())
    assert rows(app, "SELECT id FROM households") == [("h1",)]


def test_a_process_that_is_killed_between_groups_is_noticed_at_the_next(app):
    async def ask():
        async with beside(app) as group_work:
            os.kill(group_work.child_pid, signal.SIGKILL)
            assert (await group_work.run(works.name_process, 1, 1)) == (os.getpid(), 1)

    asyncio.run(ask())


def test_a_process_that_nobody_needs_ends(app):
    async def ask():
        async with beside(app, idle_s=0.2) as group_work:
            child = group_work.child_pid
            await until(lambda: group_work.child_pid is None)
            await until(lambda: is_gone(child))
            assert (await group_work.run(works.name_process, 1, 1)) == (os.getpid(), 1)

    asyncio.run(ask())


def test_the_end_waits_for_what_was_asked(app):
    async def ask():
        async with beside(app) as group_work:
            asked = [asyncio.create_task(group_work.run(works.add_household, f"h{one}", 1)) for one in range(5)]
            await asyncio.sleep(0)
            await group_work.close()
            return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == [f"h{one}" for one in range(5)]
