"""A stream tells each change once and in order, resumes where it was cut, and ends when it must."""

import asyncio
import contextlib

import pytest

from cloud import bootstrap
from cloud.accounts.model import AdmittedBy, token_hash
from cloud.accounts.repository import TokenRepository
from cloud.accounts.sharing.audit import Operator
from cloud.adapters.local.identity_provider_oidc import OidcIdentityProvider
from cloud.errors import RateLimitedError, RetryLaterError
from cloud.live.model import KEEP_MS
from cloud.live.repository import AdmissionRepository, FeedRepository
from cloud.live.service import MOST_OF_HOUSEHOLD, MOST_OF_USER, MOST_WAITING, LiveFeed
from cloud.operations import people
from tests.contract.identity_provider.jwks_issuer import AUDIENCE, JwksIssuer
from tests.databases import execute
from tests.unit.accounts.people import bearer, client_of, register
from tests.unit.cloud.fakes import with_ports
from tests.unit.live.conftest import HOUR_MS, PACE, add_entries, admission_of, change, owner_of, session_of, web_of
from tests.unit.live.streams import stream
from tests.waiting import PATIENCE_S


@pytest.fixture
def headers(app, home):
    return session_of(app, home)


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, PATIENCE_S))


def letters(*names):
    return [("letter", name) for name in names]


def test_a_stream_begins_where_the_feed_is_and_tells_what_comes(app, home, web, headers):
    async def scenario():
        async with stream(web, **headers) as live:
            assert (live.status, live.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            assert live.headers["cache-control"] == "private, no-store"
            assert int((await live.block())["retry"]) > 0
            start = await live.message()
            assert (start["changes"], start["reload"]) == ([], False)
            for name in ("a", "b"):
                change(app.database, home.household_id, name)
            assert await live.until(start["next"] + 2) == letters("a", "b")

    run(scenario())


def test_a_stream_that_was_cut_goes_on_with_each_change_once_and_in_order(app, home, web, headers):
    names = [f"letter {number}" for number in range(60)]

    async def scenario():
        async with stream(web, **headers) as live:
            start = position = (await live.message())["next"]
        heard = []
        committing = asyncio.create_task(asyncio.to_thread(commit_all))
        while position < start + len(names):
            async with stream(web, last_event_id=str(position), **headers) as live:
                told = await live.message()  # cut after one message, whatever is in it
                heard += [one["id"] for one in told["changes"]]
                position = told["next"]
        await committing
        assert heard == names

    def commit_all():
        for name in names:
            change(app.database, home.household_id, name)

    run(scenario())


def test_two_households_never_hear_of_one_another(app, home, other, web, headers):
    async def scenario():
        async with stream(web, **headers) as mine, stream(web, **session_of(app, other)) as theirs:
            starts = [(await one.message())["next"] for one in (mine, theirs)]
            change(app.database, home.household_id, "mine")
            change(app.database, other.household_id, "theirs")
            assert await mine.until(starts[0] + 1) == letters("mine")
            assert await theirs.until(starts[1] + 1) == letters("theirs")

    run(scenario())


def test_many_followers_of_a_household_hear_the_same(app, home, web, headers):
    async def scenario():
        async with contextlib.AsyncExitStack() as stack:
            followers = [await stack.enter_async_context(stream(web, **headers)) for _ in range(5)]
            starts = [(await one.message())["next"] for one in followers]
            change(app.database, home.household_id, "a")
            assert [await one.until(starts[0] + 1) for one in followers] == [letters("a")] * 5

    run(scenario())


def test_the_commits_of_another_process_are_told_too(home, web, headers, settings):
    async def scenario():
        async with stream(web, **headers) as live:
            start = (await live.message())["next"]
            change(elsewhere, home.household_id, "from elsewhere")
            assert await live.until(start + 1) == letters("from elsewhere")

    elsewhere = bootstrap.open_database(settings)
    run(scenario())
    elsewhere.close()


def test_an_id_older_than_what_is_kept_means_to_load_everything_anew(app, home, web, headers):
    async def scenario():
        change(app.database, home.household_id, "old")
        execute(app, "UPDATE changes SET changed_at = changed_at - :age", age=KEEP_MS + 1000)
        with app.database.write() as unit_of_work:
            FeedRepository(unit_of_work).forget_old()
        async with stream(web, last_event_id="1", **headers) as live:
            told = await live.message()
            assert (told["changes"], told["reload"]) == ([], True)
            change(app.database, home.household_id, "new")
            assert await live.until(told["next"] + 1) == letters("new")

    run(scenario())


@pytest.mark.parametrize("mark", ["seven", "-1", "1.5", "999999999999999999", "9" * 400, "1\t", ""])
def test_an_id_that_is_none_of_this_feed_means_to_load_everything_anew(web, headers, mark):
    async def scenario():
        async with stream(web, last_event_id=mark, **headers) as live:
            assert (await live.message())["reload"]

    run(scenario())


def test_nothing_new_is_a_sign_of_life_now_and_then(web, headers):
    async def scenario():
        async with stream(web, **headers) as live:
            await live.message()
            assert await live.block() == {"": "alive"}

    run(scenario())


def log_out(app, _home):
    execute(app, "DELETE FROM sessions")


def expire(app, _home):
    execute(app, "UPDATE sessions SET expires_at = 1")


def leave(app, home):
    execute(app, "DELETE FROM memberships WHERE user_id = :user", user=owner_of(app, home))


def disable(app, _home):
    execute(app, "UPDATE users SET disabled_at = 1")


@pytest.mark.parametrize("end", [log_out, expire, leave, disable])
def test_a_stream_ends_with_the_session_and_with_the_membership(app, home, web, headers, end):
    async def scenario():
        async with stream(web, **headers) as live:
            await live.message()
            end(app, home)
            assert await live.message() is None
        async with stream(web, **headers) as live:
            assert live.status in {401, 404}

    run(scenario())


def test_a_stream_ends_with_its_login_and_its_key(app, web):
    client = client_of(app)
    alice = register(client, "alice")
    key = client.post("/api-keys", json={"name": "heating", "scopes": ["read"]}, headers=bearer(alice)).json()

    async def scenario():
        async with stream(web, authorization=f"Bearer {alice['token']}") as by_token:
            async with stream(web, **{"x-api-key": key["key"]}) as by_key:
                assert await by_token.message() == await by_key.message()
                execute(app, "UPDATE api_keys SET revoked_at = 1")
                assert await by_key.message() is None
            execute(app, "UPDATE token_families SET revoked_at = 1")
            assert await by_token.message() is None

    run(scenario())


@pytest.fixture
def issuer():
    issuer = JwksIssuer()
    issuer.add("ec")
    yield issuer
    issuer.close()


def test_who_is_disabled_follows_no_more_whatever_they_came_in_with(app, issuer):
    """Their API keys and an outside issuer's tokens have not ended: they count again for who is enabled."""
    outside = with_ports(app, outside_issuers=(OidcIdentityProvider(issuer.url, [AUDIENCE]),))
    web, client = web_of(outside, LiveFeed(app.database, PACE)), client_of(outside)
    alice = register(client, "alice")
    execute(app, "UPDATE users SET email_verified_at = 1")
    key = client.post("/api-keys", json={"name": "heating", "scopes": ["read"]}, headers=bearer(alice)).json()["key"]
    token = issuer.sign("ec", email="alice@example.org", email_verified=True)
    ways = ({"authorization": f"Bearer {alice['token']}"}, {"x-api-key": key}, {"authorization": f"Bearer {token}"})

    async def scenario():
        async with contextlib.AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(stream(web, **way)) for way in ways]
            assert [one.status for one in opened] == [200] * len(ways)
            for one in opened:
                await one.message()
            with app.database.write() as unit_of_work:
                people.disable(unit_of_work, "alice@example.org", Operator("admin"))
            assert [await one.message() for one in opened] == [None] * len(ways)

    run(scenario())


def test_what_lets_in_counts_until_it_ends(app, home):
    with app.database.write() as unit_of_work:
        now, user_id = unit_of_work.now, owner_of(app, home)
        TokenRepository(unit_of_work).add_family("f", user_id, now, now + HOUR_MS)
        TokenRepository(unit_of_work).revoke("revoked", now + HOUR_MS, now)
    good = [
        admission_of(app, home),
        admission_of(app, home, by=AdmittedBy.LOGIN, name="f", expires_at=now + HOUR_MS),
        admission_of(app, home, by=AdmittedBy.OUTSIDE_TOKEN, name="outside", expires_at=now + HOUR_MS),
    ]
    bad = [
        admission_of(app, home, name=token_hash("made up")),
        admission_of(app, home, by=AdmittedBy.LOGIN, name="f", expires_at=now - 1),
        admission_of(app, home, by=AdmittedBy.LOGIN, name="unknown"),
        admission_of(app, home, by=AdmittedBy.OUTSIDE_TOKEN, name="revoked", expires_at=now + HOUR_MS),
        admission_of(app, home, by=AdmittedBy.API_KEY, name="unknown"),
    ]
    with app.database.read() as unit_of_work:
        assert AdmissionRepository(unit_of_work).standing([*good, *bad]) == {*good}


def test_streams_of_one_person_and_of_one_household_are_limited(app, home, other, feed):
    async def scenario():
        mine = admission_of(app, home)
        followers = [feed.follow(mine) for _ in range(MOST_OF_USER)]
        with pytest.raises(RateLimitedError):
            feed.follow(mine)
        feed.leave(followers.pop())
        followers.append(feed.follow(mine))
        people = [admission_of(app, home, name=str(number)) for number in range(MOST_OF_HOUSEHOLD)]
        crowd = [type(one)(one.household_id, f"user {number}", one.by, one.name) for number, one in enumerate(people)]
        followers += [feed.follow(one) for one in crowd[: MOST_OF_HOUSEHOLD - MOST_OF_USER]]
        with pytest.raises(RateLimitedError):
            feed.follow(crowd[-1])
        followers.append(feed.follow(admission_of(app, other)))
        for follower in followers:
            feed.leave(follower)

    run(scenario())


def test_one_stream_too_many_is_answered_429(app, home, web, feed, headers):
    async def scenario():
        followers = [feed.follow(admission_of(app, home)) for _ in range(MOST_OF_USER)]
        async with stream(web, **headers) as live:
            assert (live.status, live.headers["retry-after"]) == (429, "30")
            assert (await live.body())["error"] == "RateLimitedError"
        feed.leave(followers[0])
        async with stream(web, **headers) as live:
            assert live.status == 200

    run(scenario())


def test_who_takes_nothing_is_dropped_and_misses_nothing(app, home, feed):
    names = [f"letter {number}" for number in range(MOST_WAITING + 1)]

    async def scenario():
        slow, quick = (feed.follow(admission_of(app, home)) for _ in range(2))
        start = await slow.started()
        heard = []
        assert start == await quick.started()
        add_entries(app.database, home.household_id, names)
        while len(heard) < len(names):
            heard += [entry.changed[0][1] for update in await quick.take(1) for entry in update.entries]
        assert (slow.has_ended, quick.has_ended) == (True, False)
        again = feed.follow(admission_of(app, home))
        resumed = []
        async for update in feed.updates(again, start):
            resumed += [entry.changed[0][1] for entry in update.entries]
            if len(resumed) == len(names):
                break
        assert heard == resumed == names

    run(scenario())


def test_a_feed_that_is_closed_ends_every_stream_at_once_and_begins_none(web, feed, headers):
    async def scenario():
        async with stream(web, **headers) as live:
            await live.message()
            feed.close()
            assert await live.message() is None
        async with stream(web, **headers) as live:
            assert live.status == 503

    run(scenario())


def test_nothing_of_the_feed_runs_while_nobody_follows(app, home, feed):
    async def scenario():
        before = asyncio.all_tasks()
        follower = feed.follow(admission_of(app, home))
        await follower.started()
        (watching,) = asyncio.all_tasks() - before
        feed.leave(follower)
        await watching

    run(scenario())


def test_a_database_that_does_not_answer_is_asked_again(app, home):
    faults = [RetryLaterError("locked")]

    class Failing:
        def read(self):
            if faults:
                raise faults.pop()
            return app.database.read()

        commits = app.database.commits

    async def scenario():
        feed = LiveFeed(Failing())
        follower = feed.follow(admission_of(app, home))
        assert await follower.started() is not None
        feed.leave(follower)

    run(scenario())
