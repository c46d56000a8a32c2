"""Limits of the API: leased in blocks, held across processes, and told to who is refused."""

import asyncio
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloud import bootstrap
from cloud.accounts.allowances import MOST_LEASES, Allowances
from cloud.accounts.limits import Bucket, Limit, api_limit, block_there, take, take_blocks
from cloud.bootstrap import Application
from cloud.errors import RateLimitedError
from tests.unit.accounts.people import bearer, client_of, register
from tests.unit.cloud.messages import rows

# Nothing that comes back while a test runs counts.
HUNDRED = api_limit(per_minute=1, burst=100)


@dataclass
class Counting:
    """A database that counts the transactions that write."""

    app: Application
    writes: int = 0

    def write(self):
        self.writes += 1
        return self.app.database.write()


@dataclass
class Held(Counting):
    """One whose transactions begin once they may."""

    asked: threading.Event = field(default_factory=threading.Event)
    may: threading.Event = field(default_factory=threading.Event)

    def write(self):
        begun = super().write()
        self.asked.set()
        self.may.wait()
        return begun


class Clock:
    """Stands still until it is told otherwise."""

    now = 1000.0

    def __call__(self):
        return self.now


def let_through(allowances, caller, count):
    """Return how many of so many requests at the same time were let through."""

    async def ask():
        asked = [allowances.take(caller) for _ in range(count)]
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(ask())
    assert all(one is None or isinstance(one, RateLimitedError) for one in answers), answers
    return answers.count(None)


async def until_refused(allowances, caller, pause=1):
    """Return how many requests were let through, each ``pause`` turns of the loop after the other, before a refusal."""
    count = 0
    while True:
        for _ in range(pause):
            await asyncio.sleep(0)
        try:
            await allowances.take(caller)
        except RateLimitedError:
            return count
        count += 1


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 40)), max_size=40), st.integers(1, 999))
@example([(0, 1), (0, 36), (202, 19), (33, 1)], 30)
def test_no_time_span_ever_allows_more_than_burst_and_rate(tries, rate):
    limit = api_limit(rate * 60, burst=50)
    now, full_at, taken = 1_000_000, 0, []
    for pause, most in tries:
        now += pause
        block, full_at = block_there(full_at, now, limit, most)
        assert 0 <= block.tokens <= most
        assert (block.tokens == 0) == (block.wait_ms > 0)
        assert block.tokens or block_there(full_at, now + block.wait_ms, limit, 1)[0].tokens == 1
        assert block.tokens or block_there(full_at, now + block.wait_ms - 1, limit, 1)[0].tokens == 0
        taken.append((now, block.tokens))
    for start, (begin, _) in enumerate(taken):
        for end in range(start, len(taken)):
            total = sum(tokens for _, tokens in taken[start : end + 1])
            assert total <= 50 + (taken[end][0] - begin) * rate / 1000


def test_a_bucket_that_is_refilled_gives_all_of_it_again():
    limit = api_limit(per_minute=600, burst=50)
    block, full_at = block_there(0, 1_000_000, limit, 50)
    assert (block.tokens, full_at) == (50, 1_005_000)
    assert block_there(full_at, 1_000_000, limit, 50)[0].tokens == 0
    assert block_there(full_at, 1_000_500, limit, 50)[0].tokens == 5
    assert block_there(full_at, 1_005_000, limit, 50)[0].tokens == 50


def test_a_burst_smaller_than_before_is_a_bucket_that_is_empty():
    _, full_at = block_there(0, 1_000_000, api_limit(per_minute=60, burst=100), 100)
    block, _ = block_there(full_at, 1_000_000, api_limit(per_minute=60, burst=10), 1)
    assert block.tokens == 0


def test_two_processes_on_one_database_count_together(app, settings):
    other = bootstrap.build(settings)
    here, there = Allowances(app.database, HUNDRED), Allowances(other.database, HUNDRED)
    let = sum(let_through(one, "alice", 35) for one in (here, there, here, there))
    assert let == 100
    assert let_through(there, "bob", 100) == 100
    other.database.close()


def test_processes_that_meet_a_caller_at_the_same_moment_take_blocks_of_one_bucket(app, settings):
    others = [bootstrap.open_database(settings) for _ in range(3)]
    allowances = [Allowances(one, HUNDRED) for one in others]

    async def ask(callers):
        asked = [one.take(caller) for caller in callers for one in allowances]
        return await asyncio.gather(*asked, return_exceptions=True)

    take(app.database, [Bucket(Limit("brief", 5, 5), f"{number}") for number in range(40)])
    for name in range(10):
        assert asyncio.run(ask([f"alice {name}", f"bob {name}"])) == [None] * 6
    assert len(rows(app, "SELECT * FROM buckets")) == 20
    assert sum(let_through(one, "alice 0", 100) for one in allowances) == 97
    for one in others:
        one.close()


@pytest.mark.parametrize("connections", [1, 16, 64])
@pytest.mark.parametrize("processes", [1, 2])
def test_many_connections_of_one_caller_get_the_whole_burst_and_no_more(app, settings, connections, processes):
    others = [bootstrap.open_database(settings) for _ in range(processes - 1)]

    async def ask():
        allowances = [Allowances(one, HUNDRED) for one in (app.database, *others)]
        asking = [until_refused(one, "alice", pause) for one in allowances for pause in range(connections)]
        return sum(await asyncio.gather(*asking))

    assert asyncio.run(ask()) == 100
    for one in others:
        one.close()


def test_who_asks_while_a_block_is_leased_for_them_leases_no_second_one(app):
    held = Held(app)

    async def ask():
        allowances = Allowances(held, HUNDRED)
        asking = [asyncio.create_task(allowances.take("alice"))]
        await asyncio.to_thread(held.asked.wait)
        asking += [asyncio.create_task(allowances.take("alice")) for _ in range(16)]
        for _ in range(10):
            await asyncio.sleep(0.001)
        held.may.set()
        return await asyncio.gather(*asking, until_refused(allowances, "alice"))

    assert asyncio.run(ask()) == [None] * 17 + [83]
    assert held.writes == 11


def test_one_request_of_ten_asks_the_database(app):
    counting = Counting(app)
    allowances = Allowances(counting, HUNDRED)
    assert let_through(allowances, "alice", 100) == 100
    assert counting.writes == 10


def test_a_lease_is_not_lost_by_waiting(app):
    counting, clock = Counting(app), Clock()
    allowances = Allowances(counting, HUNDRED, clock)
    for _ in range(10):
        assert let_through(allowances, "alice", 1) == 1
        clock.now += 3600
    assert counting.writes == 1


def test_who_is_refused_does_not_ask_the_database_before_the_time_told(app):
    counting, clock = Counting(app), Clock()
    allowances = Allowances(counting, HUNDRED, clock)
    assert let_through(allowances, "alice", 150) == 100
    before = counting.writes
    assert let_through(allowances, "alice", 50) == 0
    assert counting.writes == before
    clock.now += 61
    assert let_through(allowances, "alice", 50) == 0
    assert counting.writes == before + 1


def test_who_was_refused_is_let_through_again(app):
    limit, clock = api_limit(per_minute=60, burst=10), Clock()
    allowances = Allowances(app.database, limit, clock)
    with app.database.write() as unit_of_work:
        later = replace(unit_of_work, now=unit_of_work.now + 3_600_000)
        take_blocks(later, [Bucket(limit, "alice")], 10)
    assert let_through(allowances, "alice", 1) == 0
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("DELETE FROM buckets")
    assert let_through(allowances, "alice", 1) == 0
    clock.now += 3601
    assert let_through(allowances, "alice", 1) == 1


def test_callers_who_come_once_are_forgotten(app):
    async def come(allowances, count):
        await asyncio.gather(*(allowances.take(f"caller {number}") for number in range(count)))

    allowances = Allowances(app.database, HUNDRED)
    allowances._leases = dict.fromkeys(range(MOST_LEASES - 5))  # noqa: SLF001 - ten thousand rows take seconds
    asyncio.run(come(allowances, 10))
    assert len(allowances._leases) == MOST_LEASES  # noqa: SLF001
    assert let_through(allowances, "caller 0", 9) == 9


def test_the_event_loop_does_not_wait_for_a_block(app):
    async def scenario():
        allowances = Allowances(app.database, HUNDRED)
        await allowances.take("alice")
        with ExitStack() as held:
            held.enter_context(app.database.write())
            bob = asyncio.create_task(allowances.take("bob"))
            for _ in range(5):
                await allowances.take("alice")
            assert not bob.done()
        await bob

    asyncio.run(scenario())


@pytest.fixture
def client(app):
    """A client of a server where five requests are too many."""
    settings = app.settings.model_copy(update={"api_per_minute": 1, "api_burst": 4})
    return client_of(replace(app, settings=settings))


def test_who_asks_too_often_is_told_when_to_come_again(client):
    alice, bob = register(client, "alice"), register(client, "bob")
    answers = [client.get("/devices", headers=bearer(alice)) for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 200, 429]
    refusal = answers[-1]
    assert set(refusal.json()) == {"error", "message", "detail"}
    assert refusal.json()["error"] == "RateLimitedError"
    seconds = refusal.headers["retry-after"]
    assert 1 <= int(seconds) <= 60
    assert refusal.headers["ratelimit-policy"] == '"api";q=4;w=240'
    assert refusal.headers["ratelimit"] == f'"api";r=0;t={seconds}'
    told = {name: refusal.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")}
    assert told == {"limit": "4", "remaining": "0", "reset": seconds}
    assert client.get("/devices", headers=bearer(bob)).status_code == 200


def test_a_program_that_runs_wild_shuts_out_itself_only(client):
    alice = register(client, "alice")
    key = client.post("/api-keys", json={"name": "heating"}, headers=bearer(alice)).json()["key"]
    program = {"x-api-key": key}
    assert [client.get("/devices", headers=program).status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    assert client.get("/devices", headers=bearer(alice)).status_code == 200


def test_a_second_login_is_the_same_person(client):
    alice = register(client, "alice")
    body = {"email": "alice@example.org", "password": "correct horse"}
    again = client.post("/auth/login", json=body).json()
    answers = [client.get("/devices", headers=bearer(one)).status_code for one in (alice, again) * 3]
    assert answers == [200, 200, 200, 200, 429, 429]


def test_reports_of_doors_count_as_every_request_does(client):
    headers = bearer(register(client, "alice"))
    device = client.post("/devices", json={"name": "Drive"}, headers=headers).json()["id"]
    report = {"device_id": device, "event_type": "open"}
    answers = [client.post("/mailbox/events", json=report, headers=headers) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["x-ratelimit-limit"] == "4"
