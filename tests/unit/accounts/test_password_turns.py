"""Requests that hash a password: few at a time, a short queue, and nobody else waits for them."""

import asyncio
import threading
from concurrent.futures import Future

import httpx2
import pytest

from cloud.accounts.passwords import HASHED_AT_ONCE, MOST_WAITING, PasswordTurns
from cloud.accounts.recovery import reset_password
from cloud.errors import BusyError, SignatureError
from cloud.web.account_mail import build_post
from tests.unit.accounts.people import PASSWORD, bearer

PLACES = HASHED_AT_ONCE + MOST_WAITING
# AnyIO's threads, which all other routes share.
THREADS_OF_ALL = 40
SECRET = {"password": PASSWORD}
WITH_A_PASSWORD = {
    "/auth/login": {"email": "x@example.org"} | SECRET,
    "/auth/register": {"email": "x@example.org", "name": "X"} | SECRET,
    "/auth/password/reset": {"token": "x"} | SECRET,
    "/auth/email": {"email": "x@example.org"} | SECRET,
}
FORMS = ("/login", "/register", "/account/reset/x", "/household/email")


class Holding:
    """Work that waits in its turn until it is let go."""

    def __init__(self, turns: PasswordTurns) -> None:
        self.turns = turns
        self.at_once = self.most_at_once = 0
        self._counting = threading.Lock()
        self._may_go = threading.Event()

    def take(self, places: int) -> list[Future[None]]:
        return [self.turns.submit(self._wait) for _ in range(places)]

    def let_go(self) -> None:
        self._may_go.set()

    def _wait(self) -> None:
        with self._counting:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self._may_go.wait()
        with self._counting:
            self.at_once -= 1


@pytest.fixture
def holding(client):
    held = Holding(client.app.state.password_turns)
    yield held
    held.let_go()


def test_two_have_their_turn_some_wait_and_one_more_is_refused():
    held = Holding(PasswordTurns())
    taken = held.take(PLACES)
    with pytest.raises(BusyError, match=f"at most {PLACES} requests"):
        held.take(1)
    held.let_go()
    for one in taken:
        one.result()
    assert held.most_at_once == HASHED_AT_ONCE
    (again,) = held.take(1)
    assert again.result() is None


def test_who_gives_up_while_they_wait_gives_their_place_to_others():
    held = Holding(PasswordTurns())
    taken = held.take(PLACES)
    assert taken[-1].cancel()
    held.take(1)
    held.let_go()


@pytest.mark.parametrize("path", WITH_A_PASSWORD)
def test_a_program_is_told_to_come_again(client, alice, holding, path):
    holding.take(PLACES)
    answer = client.post(path, json=WITH_A_PASSWORD[path], headers=bearer(alice))
    assert (answer.status_code, answer.json()["error"]) == (503, "BusyError")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", FORMS)
def test_a_person_reads_that_they_should_try_again(client, alice, holding, path):
    assert client.post("/login", data={"email": alice["user"]["email"]} | SECRET).status_code == 200
    holding.take(PLACES)
    form = {"email": "x@example.org", "name": "X"} | SECRET
    answer = client.post(path, data=form, headers={"accept": "text/html"})
    assert answer.status_code == 503
    assert "Please try again in a few seconds" in answer.text
    assert "<form" in answer.text
    assert PASSWORD not in answer.text
    assert int(answer.headers["retry-after"]) > 0


def test_who_waits_for_a_turn_keeps_no_thread_from_the_others(client, holding):
    """More logins than there are threads for everything else: a route that needs one answers before any of them."""
    holding.take(HASHED_AT_ONCE)
    ended, refused, are_refused = [], THREADS_OF_ALL + HASHED_AT_ONCE, asyncio.Event()

    async def ask(http, path, **given):
        answer = await (http.post(path, **given) if given else http.get(path))
        ended.append((path, answer.status_code))
        if len(ended) == refused:
            are_refused.set()

    async def ask_all():
        transport = httpx2.ASGITransport(client.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
            body = WITH_A_PASSWORD["/auth/login"]
            logins = [asyncio.create_task(ask(http, "/auth/login", json=body)) for _ in range(THREADS_OF_ALL + PLACES)]
            await are_refused.wait()
            await ask(http, "/.well-known/jwks.json")
            holding.let_go()
            await asyncio.gather(*logins)

    asyncio.run(ask_all())
    assert ended[:refused] == [("/auth/login", 503)] * refused
    assert ended[refused] == ("/.well-known/jwks.json", 200)
    told = [status for _, status in ended[refused + 1 :]]
    assert len(told) == MOST_WAITING
    assert set(told) == {401, 429}  # of one account, ten tries


def test_a_made_up_reset_token_is_refused_before_a_hash_is_made(app):
    with pytest.raises(SignatureError):
        reset_password(app.database, build_post(app), "made up", NoPassword(), "127.0.0.1")  # type: ignore[arg-type]


class NoPassword:
    """No text, so that whoever hashes it fails."""
