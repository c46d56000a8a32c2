"""Who asks again is presumed to be who they were, and nothing is done for them unless that is still true."""

import asyncio
from dataclasses import replace

import pytest

from cloud.accounts.callers import MOST_PRESUMED, PRESUMED_S, Callers, Claim, Credential, Found, OutdatedClaimError
from cloud.accounts.model import OWNER, AdmittedBy, Member, User
from cloud.bootstrap import means
from cloud.mailbox_events.model import HttpReport
from cloud.mailbox_events.service import Reported, take_reports
from cloud.web.app import create_app
from tests.unit.cloud.api.conftest import client_of, post_event
from tests.unit.cloud.messages import rows

PERSON = {"name": "Ada", "email": "ada@example.org", "password": "correct horse battery"}


class Recording:
    """Group work that remembers what was asked."""

    def __init__(self, group_work):
        self._group_work, self.asked = group_work, []

    async def run(self, work, given, size, again=lambda given: given):
        self.asked.append(work.__name__)
        return await self._group_work.run(work, given, size, again)


@pytest.fixture
def group_work(app):
    return Recording(app.ports.group_work)


@pytest.fixture
def ada(app, group_work):
    """A client with an access token, a device, and a request behind it."""
    web = create_app(replace(app, ports=replace(app.ports, group_work=group_work)), lambda _: None)
    client = client_of(web)
    client.headers["Authorization"] = f"Bearer {client.post('/auth/register', json=PERSON).json()['token']}"
    client.number = client.post("/devices", json={"name": "Drive"}).json()["id"]
    group_work.asked.clear()
    return client


def listed(client):
    return client.get(f"/mailbox/events?device_id={client.number}")


def change(app, sql):
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql(sql)


def use_key(client):
    """Let the client go on with an API key, which it has used once."""
    made = client.post("/api-keys", json={"name": "script", "scopes": ["read", "write"]})
    del client.headers["Authorization"]
    client.headers["X-Api-Key"] = made.json()["key"]
    assert listed(client).status_code == 200


def test_who_asks_again_is_confirmed_by_the_work_itself(ada, group_work):
    assert [post_event(ada, ada.number).status_code, listed(ada).status_code] == [200, 200]
    assert group_work.asked == ["take_reports", "read_pages"]


def test_a_key_that_is_used_again_is_confirmed_by_the_work_itself(ada, group_work):
    use_key(ada)
    group_work.asked.clear()
    assert [post_event(ada, ada.number).status_code, listed(ada).status_code] == [200, 200]
    assert group_work.asked == ["take_reports", "read_pages"]


ENDED = {
    "a login that was ended": ("UPDATE token_families SET revoked_at = 1", 401),
    "a user who may not come in any more": ("UPDATE users SET disabled_at = 1", 401),
    "one who left the household": ("DELETE FROM memberships", 401),
}


@pytest.mark.parametrize(("sql", "status"), ENDED.values(), ids=ENDED.keys())
def test_who_is_refused_from_now_on_is_refused_at_once(app, ada, sql, status):
    change(app, sql)
    named = {"device_id": ada.number, "event_type": "open"}
    once = ada.post("/mailbox/events", json=named, headers={"Idempotency-Key": "once"})
    assert [post_event(ada, ada.number).status_code, listed(ada).status_code, once.status_code] == [status] * 3
    assert rows(app, "SELECT id FROM mailbox_events") == []


def test_a_revoked_key_is_refused_at_once(app, ada):
    use_key(ada)
    change(app, "UPDATE api_keys SET revoked_at = 1")
    assert [post_event(ada, ada.number).status_code, listed(ada).status_code] == [401, 401]
    assert rows(app, "SELECT id FROM mailbox_events") == []


def test_a_member_who_may_only_read_now_reads_and_reports_nothing(app, ada):
    change(app, "UPDATE memberships SET role = 'viewer'")
    assert [post_event(ada, ada.number).status_code, listed(ada).status_code] == [403, 200]


def test_a_viewer_who_may_report_now_reports(app, ada):
    change(app, "UPDATE memberships SET role = 'viewer'")
    assert post_event(ada, ada.number).status_code == 403
    change(app, "UPDATE memberships SET role = 'owner'")
    assert post_event(ada, ada.number).status_code == 200


def test_another_household_is_looked_for_anew(ada):
    elsewhere = {"X-Household": "another"}
    assert ada.get(f"/mailbox/events?device_id={ada.number}", headers=elsewhere).status_code == 404


def test_an_outdated_claim_among_others_stores_its_own_report_only_not(app, ada):
    (family,) = rows(app, "SELECT id FROM token_families")[0]
    ((user, home),) = rows(app, "SELECT user_id, household_id FROM memberships")
    credential = Credential(AdmittedBy.LOGIN, family)
    true, old = Claim(credential, user, home, OWNER), Claim(credential, "somebody else", home, OWNER)
    asked = [
        Reported(HttpReport(home, ada.number, "open", "http.1", None, may_be_stored=False, correlation_id=""), old),
        Reported(HttpReport(home, ada.number, "open", "http.2", None, may_be_stored=False, correlation_id=""), true),
    ]
    taken = take_reports(means(app.settings, app.database, app.queue), asked)
    assert isinstance(taken.answers[0], OutdatedClaimError)
    assert rows(app, "SELECT id, event_id FROM mailbox_events") == [(taken.answers[1], "http.2")]


class Everybody:
    """Group work that finds the same member for every credential."""

    MEMBER = Member(User("u1", "ada@example.org", "Ada"), "h1", "Home", "owner")

    async def run(self, _work, given, _size):
        return {one: Found((self.MEMBER,)) for one in given}


async def found_all(callers, credentials):
    return [await callers.found(one) for one in credentials]


def credentials(count):
    return [Credential(AdmittedBy.LOGIN, str(number)) for number in range(count)]


def test_nobody_is_presumed_for_long():
    now = [0.0]
    callers = Callers(Everybody(), lambda: now[0])
    (one,) = credentials(1)
    asyncio.run(callers.found(one))
    now[0] = PRESUMED_S - 1
    assert callers.presumed(one) == (Everybody.MEMBER,)
    now[0] = PRESUMED_S
    assert callers.presumed(one) == ()


def test_only_so_many_are_remembered():
    callers, asked = Callers(Everybody()), credentials(MOST_PRESUMED + 1)
    asyncio.run(found_all(callers, asked))
    assert callers.presumed(asked[0]) == ()
    assert callers.presumed(asked[1]) == (Everybody.MEMBER,)
