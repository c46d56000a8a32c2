"""Rate limits: the pure rule, and rows that hold across processes."""

import multiprocessing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.accounts import limits
from cloud.accounts.limits import Bucket, Limit, after_taking, network_of, take, take_within, wait_ms
from cloud.adapters.local.database import SqliteDatabase
from cloud.errors import RateLimitedError
from tests.unit.cloud.messages import rows

THREE = Limit("three", 3, 30_000)


def taken(full_at, now):
    """Return when the bucket is full after a try at ``now``, and whether it was allowed."""
    return (full_at, False) if wait_ms(full_at, now, THREE) else (after_taking(full_at, now, THREE), True)


def test_a_full_bucket_allows_its_burst_and_no_more():
    full_at, allowed = 0, []
    for _ in range(4):
        full_at, was_allowed = taken(full_at, 100_000)
        allowed.append(was_allowed)
    assert allowed == [True, True, True, False]
    assert wait_ms(full_at, 100_000, THREE) == 10_000
    assert wait_ms(full_at, 110_000, THREE) == 0


@given(st.lists(st.integers(0, 20_000), max_size=60))
def test_no_time_span_ever_allows_more_than_burst_and_refill(pauses):
    now, full_at, allowed = 1_000_000, 0, []
    for pause in pauses:
        now += pause
        full_at, was_allowed = taken(full_at, now)
        if was_allowed:
            allowed.append(now)
    for start in range(len(allowed)):
        for end in range(start, len(allowed)):
            assert end - start + 1 <= 3 + (allowed[end] - allowed[start]) / 10_000


def test_one_account_does_not_use_up_anothers(app):
    for _ in range(3):
        take(app.database, [Bucket(THREE, "a")])
    with pytest.raises(RateLimitedError) as caught:
        take(app.database, [Bucket(THREE, "a")])
    assert 0 < caught.value.retry_after_s <= 10
    take(app.database, [Bucket(THREE, "b")])


def test_a_refusal_takes_from_no_bucket(app):
    for _ in range(3):
        take(app.database, [Bucket(THREE, "a")])
    for _ in range(5):
        with pytest.raises(RateLimitedError):
            take(app.database, [Bucket(THREE, "a"), Bucket(THREE, "b")])
    for _ in range(3):
        take(app.database, [Bucket(THREE, "b")])


def test_what_is_given_back_may_be_taken_again(app):
    for _ in range(9):
        take(app.database, [Bucket(THREE, "a")])
        with app.database.write() as unit_of_work:
            limits.give_back(unit_of_work, [Bucket(THREE, "a")])


def test_full_buckets_leave_no_rows_and_no_names(app):
    take(app.database, [Bucket(THREE, "alice@example.org")])
    assert "alice" not in str(rows(app, "SELECT * FROM buckets"))
    with app.database.write() as unit_of_work:
        take_within(replace(unit_of_work, now=unit_of_work.now + 60_000), [Bucket(THREE, "b")])
    assert len(rows(app, "SELECT * FROM buckets")) == 1


def _take_many(file, results):
    database = SqliteDatabase(file)
    allowed = 0
    for _ in range(6):
        try:
            take(database, [Bucket(Limit("five", 5, 3_600_000), "a")])
            allowed += 1
        except RateLimitedError:
            pass
    database.close()
    results.put(allowed)


def test_several_processes_count_together(app, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    arguments = (tmp_path / "data" / "pillarbox.db", results)
    processes = [spawn.Process(target=_take_many, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    assert sum(results.get(timeout=120) for _ in processes) == 5
    for process in processes:
        process.join()
    assert app


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::2", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_household_is_one_address(address, network):
    assert network_of(address) == network
