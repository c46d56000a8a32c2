"""Mailbox events over HTTP: reports, each once, and pages of what happened."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from cloud.devices.repository import DeviceRegister
from tests.databases import execute, poisoned
from tests.unit.cloud.api.conftest import post_event
from tests.unit.cloud.messages import event, now, rows, say_events

NO_DEVICE = 1_000_000


def listed(client, device, query=""):
    return client.get(f"/mailbox/events?device_id={device}{query}")


def kinds(answer):
    return [one["event_type"] for one in answer.json()]


def test_an_event_is_stored_and_listed_with_the_seeds_fields(owner, device):
    number = post_event(owner, device, timestamp="2026-03-01T10:00:00Z").json()["id"]
    assert listed(owner, device).json() == [
        {"id": number, "device_id": device, "event_type": "open", "occurred_at": "2026-03-01T10:00:00.000Z"}
    ]


def test_a_time_without_a_zone_is_utc_and_one_without_a_time_is_now(owner, device):
    post_event(owner, device, timestamp="2026-03-01T10:00:00")
    assert listed(owner, device).json()[0]["occurred_at"] == "2026-03-01T10:00:00.000Z"
    post_event(owner, device, "close")
    assert listed(owner, device).json()[0]["event_type"] == "close"


def test_the_time_is_taken_by_the_name_that_events_are_read_with(app, owner, device):
    moment = "2026-03-01T10:00:00.000Z"
    first = post_event(owner, device, occurred_at=moment).json()["id"]
    again = post_event(owner, device, timestamp=moment).json()["id"]
    both = post_event(owner, device, timestamp=moment, occurred_at="2026-03-01T11:00:00+01:00").json()["id"]
    assert (again, both) == (first, first)
    assert [one["occurred_at"] for one in listed(owner, device).json()] == [moment]
    assert rows(app, "SELECT event_id FROM mailbox_events") == [("http.open-1772359200000",)]


def test_two_times_that_differ_are_refused_and_leave_nothing(owner, device):
    answer = post_event(owner, device, timestamp="2026-03-01T10:00:00Z", occurred_at="2026-03-01T10:00:01Z")
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert fault["field"] == "body.occurred_at"
    assert fault["message"].startswith(
        "expected the same time as timestamp, or one of them left out, got 2026-03-01T10"
    )
    assert listed(owner, device).json() == []


@pytest.mark.parametrize("wrong", ["yesterday", "1970-01-01T00:00:00Z"])
def test_a_wrong_time_by_the_other_name_is_refused_too(owner, device, wrong):
    answer = post_event(owner, device, occurred_at=wrong)
    assert (answer.status_code, listed(owner, device).json()) == (422, [])


def test_a_key_tells_requests_apart_by_their_time_whatever_it_is_called(owner, device):
    def post(**fields):
        body = {"device_id": device, "event_type": "open"} | fields
        return owner.post("/mailbox/events", json=body, headers={"Idempotency-Key": "k"})

    first = post(occurred_at="2026-03-01T10:00:00Z")
    assert post(timestamp="2026-03-01T10:00:00Z").json() == first.json()
    assert post(occurred_at="2026-03-01T10:00:01Z").status_code == 422


@pytest.mark.parametrize("timestamp", ["2010-01-01T00:00:00Z", "2019-05-04T12:30:00Z", "2019-05-04T14:30:00+02:00"])
def test_history_of_another_system_is_stored_when_it_happened(owner, device, timestamp):
    post_event(owner, device)
    assert post_event(owner, device, "close", timestamp=timestamp).status_code == 200
    assert kinds(listed(owner, device)) == ["open", "close"]
    stored = datetime.fromisoformat(listed(owner, device).json()[-1]["occurred_at"])
    assert stored == datetime.fromisoformat(timestamp)


WRONG_TIMES = {
    "1970-01-01T00:00:09Z": "1970-01-01T00:00:09Z",
    "1970-01-01T00:00:00": "1970-01-01T00:00:00Z",
    "2000-01-01T05:00:00Z": "2000-01-01T05:00:00Z",
    "2009-12-31T23:59:59Z": "2009-12-31T23:59:59Z",
    "2199-01-01T00:00:00Z": "2199-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00": "-62135647200000 ms",
    "9999-12-31T23:59:59-14:00": "253402351199000 ms",
}


@pytest.mark.parametrize(("timestamp", "told"), WRONG_TIMES.items())
def test_a_time_that_cannot_be_right_is_refused_and_leaves_nothing(app, owner, device, timestamp, told):
    answer = post_event(owner, device, timestamp=timestamp)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("timestamp: expected a time from 2010-01-01T00:00:00Z to now, 20")
    assert f", got {told}; set the clock" in answer.json()["message"]
    (fault,) = answer.json()["detail"]
    assert (fault["field"], fault["message"].startswith("expected a time")) == ("body.timestamp", True)
    assert (listed(owner, device).json(), rows(app, "SELECT id FROM jobs")) == ([], [])


def ahead(minutes):
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def test_a_clock_that_is_minutes_ahead_tells_of_now(app, owner, device):
    for kind in ("open", "close"):
        assert post_event(owner, device, kind, timestamp=ahead(minutes=4)).status_code == 200
    stored = rows(app, "SELECT occurred_at, err_ms FROM mailbox_events")
    assert len(stored) == 2
    for occurred_at, err_ms in stored:
        assert occurred_at <= now()
        assert 0 < err_ms <= 4 * 60_000


@pytest.mark.parametrize("minutes", [6, 40, 24 * 60 + 1])
def test_a_clock_that_is_further_ahead_is_refused(owner, device, minutes):
    assert post_event(owner, device, timestamp=ahead(minutes)).status_code == 422
    assert listed(owner, device).json() == []


def test_a_refused_time_of_a_key_may_be_put_right(owner, device):
    def post(timestamp):
        body = {"device_id": device, "event_type": "open", "timestamp": timestamp}
        return owner.post("/mailbox/events", json=body, headers={"Idempotency-Key": "k"}).status_code

    assert [post("1970-01-01T00:00:00Z"), post("2026-03-01T10:00:00Z")] == [422, 200]


def test_an_event_is_a_sign_of_life(owner, device):
    post_event(owner, device)
    assert owner.get(f"/devices/{device}").json()["last_seen"]


def test_an_event_that_is_reported_again_is_one_event(owner, device):
    timed = [post_event(owner, device, timestamp="2026-03-01T10:00:00Z").json()["id"] for _ in range(2)]
    named = [post_event(owner, device, "close", event_id="mine-1").json()["id"] for _ in range(2)]
    assert len(set(timed)) == len(set(named)) == 1
    assert len(listed(owner, device).json()) == 2


def test_another_event_under_a_known_name_is_a_conflict(owner, device):
    post_event(owner, device, event_id="mine-1")
    assert post_event(owner, device, "close", event_id="mine-1").status_code == 409


def test_an_event_id_of_another_device_does_no_harm(owner, stranger, device):
    theirs = stranger.post("/devices", json={"name": "Drive"}).json()["id"]
    first = post_event(stranger, theirs, event_id="same").json()["id"]
    second = post_event(owner, device, event_id="same").json()["id"]
    assert first != second
    assert [one["id"] for one in listed(owner, device).json()] == [second]


def test_a_repeated_request_with_its_key_is_done_once(owner, device):
    def post(event_type="open", key="k"):
        body = {"device_id": device, "event_type": event_type}
        return owner.post("/mailbox/events", json=body, headers={"Idempotency-Key": key})

    assert post().json() == post().json()
    assert post(key="another").json() != post().json()
    assert len(listed(owner, device).json()) == 2
    assert (post("close").status_code, "Idempotency-Key" in post("close").json()["message"]) == (422, True)


def test_a_key_is_forgotten_after_a_day(app, owner, device):
    def post():
        body = {"device_id": device, "event_type": "open"}
        return owner.post("/mailbox/events", json=body, headers={"Idempotency-Key": "k"}).json()["id"]

    first = post()
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE idempotency_keys SET created_at = created_at - 86400001")
    assert post() != first
    assert len(rows(app, "SELECT * FROM idempotency_keys")) == 1


def test_two_households_may_use_the_same_key(owner, stranger, device):
    theirs = stranger.post("/devices", json={"name": "Drive"}).json()["id"]
    for client, number in ((owner, device), (stranger, theirs)):
        body = {"device_id": number, "event_type": "open"}
        assert client.post("/mailbox/events", json=body, headers={"Idempotency-Key": "k"}).status_code == 200


def test_an_open_and_a_close_are_one_episode_that_is_judged_later(app, owner, device):
    post_event(owner, device, "close", timestamp="2026-03-01T10:00:09Z")
    post_event(owner, device, "open", timestamp="2026-03-01T10:00:00Z")
    assert rows(app, "SELECT closed_at - opened_at FROM episodes") == [(9000,)]
    assert rows(app, "SELECT event FROM jobs") == [("episode_closed",)]


def test_an_open_and_a_close_of_the_same_moment_are_one_episode(app, owner, device):
    for kind in ("open", "close"):
        post_event(owner, device, kind, timestamp="2026-03-01T10:00:00Z")
    assert rows(app, "SELECT closed_at - opened_at FROM episodes") == [(0,)]


def test_pages_follow_each_other_without_gap_or_repeat(owner, device):
    moments = [f"2026-03-01T10:00:{second:02}Z" for second in range(7)]
    for moment in moments:
        post_event(owner, device, timestamp=moment)
    seen, path = [], f"/mailbox/events?device_id={device}&limit=3"
    while path:
        answer = owner.get(path)
        seen += [one["occurred_at"] for one in answer.json()]
        path = answer.links.get("next", {}).get("url")
    assert seen == [moment.replace("Z", ".000Z") for moment in reversed(moments)]


def test_an_event_that_arrives_between_two_pages_moves_nothing(owner, device):
    for second in range(4):
        post_event(owner, device, timestamp=f"2026-03-01T10:00:0{second}Z")
    first = listed(owner, device, "&limit=2")
    post_event(owner, device)
    second = listed(owner, device, f"&limit=2&cursor={first.headers['x-next-cursor']}")
    assert [one["occurred_at"][17:19] for one in second.json()] == ["01", "00"]


def test_events_are_filtered_by_time_and_type(owner, device):
    for second, kind in enumerate(("open", "close", "open", "close")):
        post_event(owner, device, kind, timestamp=f"2026-03-01T10:00:0{second}Z")
    window = "&since=2026-03-01T10:00:01Z&until=2026-03-01T10:00:03Z"
    assert kinds(listed(owner, device, window)) == ["open", "close"]
    assert kinds(listed(owner, device, "&event_type=close")) == ["close", "close"]


@pytest.mark.parametrize("zone", ["%2B02:00", "+02:00", "+0200"])
def test_a_zone_may_be_written_by_hand(owner, device, zone):
    for hour in (9, 11):
        post_event(owner, device, timestamp=f"2026-03-01T{hour:02d}:00:00Z")
    noon = f"2026-03-01T12:00:00{zone}"
    assert (
        len(listed(owner, device, f"&since={noon}").json()) == len(listed(owner, device, f"&until={noon}").json()) == 1
    )


def test_a_list_shows_openings_and_closings_unless_all_are_asked_for(app, owner, home):
    say_events(app, home.board, event("boot", 1), event("open", 2))
    with app.database.read() as unit_of_work:
        number = DeviceRegister(unit_of_work).number(home.board)
    assert kinds(listed(owner, number)) == ["open"]
    assert sorted(kinds(listed(owner, number, "&event_type=all"))) == ["boot", "open"]


def test_an_event_is_deleted_once(owner, device):
    number = post_event(owner, device).json()["id"]
    assert owner.delete(f"/mailbox/events/{number}").json() == {"id": number}
    assert owner.delete(f"/mailbox/events/{number}").status_code == 404
    assert listed(owner, device).json() == []


def test_a_deleted_event_stays_deleted_when_it_is_reported_again(app, owner, device):
    number = post_event(owner, device, event_id="e-1").json()["id"]
    timed = post_event(owner, device, "close", timestamp="2026-03-01T09:00:00Z").json()["id"]
    for one in (number, timed):
        assert owner.delete(f"/mailbox/events/{one}").status_code == 200
    assert post_event(owner, device, event_id="e-1").json() == {"id": number}
    assert post_event(owner, device, "close", timestamp="2026-03-01T09:00:00Z").json() == {"id": timed}
    assert listed(owner, device).json() == []
    assert post_event(owner, device, "close", event_id="e-1").status_code == 409
    assert owner.delete(f"/mailbox/events/{number}").status_code == 404
    assert rows(app, "SELECT count(*) FROM episodes") == [(2,)]


def test_a_deleted_event_of_a_board_stays_deleted_when_it_is_said_again(app, owner, home):
    said = (event("open", 1), event("close", 2))
    say_events(app, home.board, *said)
    ((number, event_id),) = rows(app, "SELECT id, event_id FROM mailbox_events WHERE seq = 1")
    assert owner.delete(f"/mailbox/events/{number}").status_code == 200
    say_events(app, home.board, *said)
    assert rows(app, "SELECT seq FROM mailbox_events") == [(2,)]
    assert rows(app, "SELECT event_id, number, event_type FROM deleted_events") == [(event_id, number, "open")]
    assert rows(app, "SELECT count(*) FROM event_gaps") == [(0,)]


def test_a_small_board_reports_in_two_letters(owner, device):
    for letter in ("o", "c"):
        assert owner.post(f"/iot/report?d={device}&e={letter}").json() == {"status": "ok"}
    assert kinds(listed(owner, device)) == ["close", "open"]
    assert owner.post(f"/iot/report?d={device}&e=x").status_code == 422
    assert owner.post("/iot/report?e=o").status_code == 422


def test_a_typing_error_is_answered_with_what_is_allowed(owner, device):
    answer = post_event(owner, device, "opened")
    assert answer.status_code == 422
    assert "'open' or 'close'" in answer.json()["message"]
    assert listed(owner, device, "&event_type=oepn").status_code == 422


@pytest.mark.parametrize("query", ["&limit=0", "&limit=501", "&cursor=x", "&since=yesterday", "&cursor=1.1%0d%0aA:b"])
def test_a_page_that_cannot_be_is_refused(owner, device, query):
    assert listed(owner, device, query).status_code == 422


def test_an_unchanged_list_is_not_sent_again(owner, device):
    post_event(owner, device)
    etag = listed(owner, device).headers["etag"]
    path = f"/mailbox/events?device_id={device}"
    assert owner.get(path, headers={"If-None-Match": etag}).status_code == 304
    post_event(owner, device, "close")
    assert owner.get(path, headers={"If-None-Match": etag}).status_code == 200


@pytest.fixture
def key(owner):
    return {"x-api-key": owner.post("/api-keys", json={"name": "k", "scopes": ["write"]}).json()["key"]}


def test_reports_of_one_moment_have_the_effect_of_one_after_the_other(app, web, owner, device, key):
    bodies = [
        {"device_id": device, "event_type": "open", "timestamp": "2026-03-01T10:00:00Z"},
        {"device_id": device, "event_type": "close", "timestamp": "2026-03-01T10:00:09Z"},
        {"device_id": device, "event_type": "open", "timestamp": "2026-03-01T10:00:00Z"},
        {"device_id": device, "event_type": "open", "event_id": "x"},
        {"device_id": device, "event_type": "close", "event_id": "x"},
        {"device_id": device + 1, "event_type": "open"},
        {"device_id": device, "event_type": "open", "timestamp": "1970-01-01T00:00:00Z"},
    ]
    answers = posted_together(web, key, bodies)
    assert [status for status, _ in answers] == [200, 200, 200, 200, 409, 404, 422]
    assert answers[0] == answers[2]
    assert len({number for status, number in answers if status == 200}) == 3
    assert len(listed(owner, device).json()) == 3
    assert rows(app, "SELECT closed_at - opened_at FROM episodes WHERE closed_at IS NOT NULL") == [(9000,)]


def test_of_a_group_those_whose_report_was_taken_were_heard_of(app, web, owner, device, key):
    repeating, wrong, other = (owner.post("/devices", json={"name": name}).json()["id"] for name in "abc")
    post_event(owner, repeating, event_id="x")
    post_event(owner, other, event_id="y")
    execute(app, "UPDATE devices SET last_seen = NULL")
    bodies = [
        {"device_id": wrong, "event_type": "open", "timestamp": "1970-01-01T00:00:00Z"},
        {"device_id": device, "event_type": "open"},
        {"device_id": repeating, "event_type": "open", "event_id": "x"},
        {"device_id": other, "event_type": "close", "event_id": "y"},
    ]
    assert [status for status, _ in posted_together(web, key, bodies)] == [422, 200, 200, 409]
    heard = {one["id"] for one in owner.get("/devices").json() if one["last_seen"]}
    assert heard == {device, repeating}


def test_a_device_with_one_good_report_of_two_was_heard_of(app, web, owner, device, key):
    execute(app, "UPDATE devices SET last_seen = NULL")
    bodies = [
        {"device_id": device, "event_type": "open"} | more for more in ({"timestamp": "1970-01-01T00:00:00Z"}, {})
    ]
    assert [status for status, _ in posted_together(web, key, bodies)] == [422, 200]
    assert owner.get(f"/devices/{device}").json()["last_seen"]


def test_a_report_that_the_database_refuses_fails_alone(app, web, owner, device, key):
    bodies = [{"device_id": device, "event_type": "open", "event_id": name} for name in ("a", "poison", "b")]
    with poisoned(app, "INSERT ON mailbox_events", "new.event_id = 'http.poison'"):
        answers = posted_together(web, key, bodies)
    assert [status for status, _ in answers] == [200, 500, 200]
    assert len(listed(owner, device).json()) == 2


def posted_together(web, headers, bodies):
    """Send reports at the same moment, so that they are one group; returns status and number of each."""
    of_none = {"device_id": NO_DEVICE, "event_type": "open"}

    async def post_all():
        transport = httpx2.ASGITransport(web, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=headers) as client:
            # Who is known waits for no look-up, which may be answered in any order: the reports come in this one.
            assert (await client.post("/mailbox/events", json=of_none)).status_code == 404
            return await asyncio.gather(*(client.post("/mailbox/events", json=body) for body in bodies))

    return [(answer.status_code, answer.json().get("id")) for answer in asyncio.run(post_all())]


def test_what_follows_from_each_report_of_a_group_belongs_to_its_own_request(app, web, device, key):
    bodies = [{"device_id": device, "event_type": "close", "event_id": name} for name in ("a", "b", "c")]
    posted_together(web, key, bodies)
    told = [story for (story,) in rows(app, "SELECT correlation_id FROM jobs WHERE event = 'episode_closed'")]
    assert len(told) == len(set(told)) == 3
    assert all(told)


def test_what_is_stored_of_a_group_is_in_the_log_with_each_ones_story_and_number(app, web, device, key, caplog):
    caplog.set_level(logging.INFO)
    bodies = [{"device_id": device, "event_type": "open", "event_id": name} for name in ("a", "b", "c")]
    bodies += [{"device_id": device, "event_type": "close", "event_id": "a"}]
    answers = posted_together(web, key, bodies)
    told = [story for record in caplog.records for story in getattr(record, "stories", ())]
    assert [int(story.rpartition(" ")[2]) for story in told] == [number for status, number in answers if status == 200]
    assert len({story.partition(" ")[0] for story in told}) == 3
    assert len(rows(app, "SELECT id FROM mailbox_events")) == 3
