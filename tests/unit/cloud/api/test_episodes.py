"""What a device's openings turned out to be, as the API lists them: the feed's deliveries are found there."""

import pytest

from tests.unit.cloud.api.conftest import post_event
from tests.unit.cloud.api.test_device_lists import pages
from tests.unit.cloud.fakes import FakeDeviceGate, FakeMailer, drain, with_ports

HOURS = [f"2026-11-2{day}T{hour}:00:00.000Z" for day in range(2) for hour in ("08", "12")]


@pytest.fixture
def settings(settings):
    """A server that judges each close at once."""
    return settings.model_copy(update={"settle_s": 0})


@pytest.fixture
def judged(app):
    """Let whatever waits be judged."""
    return lambda: drain(with_ports(app, mailer=FakeMailer(), device_gate=FakeDeviceGate()))


def listed(client, device, **query):
    answer = client.get("/mailbox/episodes", params={"device_id": device} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_opening_is_listed_while_it_lasts_and_as_what_it_was(owner, device, judged):
    assert listed(owner, device) == []
    post_event(owner, device, "open", timestamp=HOURS[0])
    (running,) = listed(owner, device)
    nothing = dict.fromkeys(("kind", "closed_at", "settled_at"))
    assert running == nothing | {"id": running["id"], "device_id": device, "opened_at": "2026-11-20T08:00:00.000Z"}

    post_event(owner, device, "close", timestamp="2026-11-20T08:00:40.000Z")
    judged()
    (ended,) = listed(owner, device)
    assert (ended["id"], ended["kind"], ended["closed_at"]) == (running["id"], "delivery", "2026-11-20T08:00:40.000Z")
    assert ended["settled_at"]


def test_an_opening_that_lasted_is_no_delivery_and_a_close_that_nobody_reported_is_none(owner, device, judged):
    post_event(owner, device, "open", timestamp=HOURS[0])
    post_event(owner, device, "close", timestamp="2026-11-20T09:00:00.000Z")
    post_event(owner, device, "open", timestamp=HOURS[1])
    post_event(owner, device, "open", timestamp=HOURS[2])
    judged()
    told = [(one["kind"], one["closed_at"]) for one in listed(owner, device)]
    assert told[-1] == ("left_open", "2026-11-20T09:00:00.000Z")
    assert told[1][1] is None


def test_the_feed_names_a_delivery_as_it_is_listed(owner, device):
    since = owner.get("/live").json()["next"]
    post_event(owner, device, "open")
    changes = owner.get(f"/live?since={since}").json()["changes"]
    assert [one["id"] for one in changes if one["kind"] == "delivery"] == [one["id"] for one in listed(owner, device)]


def test_they_come_in_pages_and_by_the_time_of_their_opening(owner, device):
    for hour in HOURS:
        post_event(owner, device, "open", timestamp=hour)
    every = [one["opened_at"] for one in listed(owner, device)]
    assert every == sorted(HOURS, reverse=True)
    found = pages(owner, f"/mailbox/episodes?device_id={device}&limit=3")
    assert [[one["opened_at"] for one in page] for page in found] == [every[:3], every[3:]]
    assert [one["opened_at"] for one in listed(owner, device, since=HOURS[1], until=HOURS[3])] == every[1:3]


def test_what_is_wrong_is_refused_and_another_households_is_not_there(owner, stranger, device):
    assert stranger.get(f"/mailbox/episodes?device_id={device}").status_code == 404
    for query in ("", f"device_id={device}&limit=0", f"device_id={device}&cursor=1", f"device_id={device}&since=now"):
        assert owner.get(f"/mailbox/episodes?{query}").status_code == 422
