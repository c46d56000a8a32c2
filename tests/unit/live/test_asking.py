"""Who asks with ``since`` gets what came after it, and is told plainly when that is no longer known."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cloud.live.model import KEEP_MS
from cloud.live.repository import FeedRepository
from cloud.live.service import MOST_ENTRIES
from cloud.ports.changes import ChangeKind
from tests.databases import execute
from tests.unit.cloud.fakes import FakeMailer, FakeOcrEngine, deliver, drain, with_ports
from tests.unit.cloud.messages import photo, rows
from tests.unit.live.conftest import add_entries, change, session_of

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


@pytest.fixture
def client(web):
    return TestClient(web)


@pytest.fixture
def ask(app, home, client):
    """Ask as the household's owner."""
    headers = session_of(app, home)

    def get(**params):
        answer = client.get("/live", params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


def test_without_since_one_is_told_where_the_feed_is(app, home, ask):
    start = ask()
    assert start == {"changes": [], "next": start["next"], "reload": False}
    change(app.database, home.household_id, "a", "b")
    then = ask(since=start["next"])
    assert [(one["kind"], one["id"]) for one in then["changes"]] == [("letter", "a"), ("letter", "b")]
    assert then["changes"][0]["at"].endswith("Z")
    assert (then["next"], then["reload"]) == (start["next"] + 1, False)
    assert ask(since=then["next"]) == {"changes": [], "next": then["next"], "reload": False}


def test_a_household_of_which_nothing_is_told_yet_begins_at_zero(app, ask):
    execute(app, "DELETE FROM changes")
    execute(app, "DELETE FROM feeds")
    assert ask() == ask(since=0) == {"changes": [], "next": 0, "reload": False}
    assert ask(since=1) == {"changes": [], "next": 0, "reload": True}


def test_a_long_absence_is_told_in_several_answers(app, home, ask):
    position = ask()["next"]
    add_entries(app.database, home.household_id, ["a letter"] * (MOST_ENTRIES + 1))
    first = ask(since=position)
    assert (first["next"], first["reload"]) == (position + MOST_ENTRIES, False)
    assert ask(since=first["next"])["next"] == position + MOST_ENTRIES + 1


def test_what_was_forgotten_is_to_be_loaded_anew(app, home, ask):
    position = ask()["next"]
    for name in ("a", "b"):
        change(app.database, home.household_id, name)
    aged = "UPDATE changes SET changed_at = changed_at - :age WHERE position <= :position"
    execute(app, aged, age=KEEP_MS + 1000, position=position + 1)
    with app.database.write() as unit_of_work:
        FeedRepository(unit_of_work).forget_old()
    assert ask(since=position) == {"changes": [], "next": position + 2, "reload": True}
    assert [one["id"] for one in ask(since=position + 1)["changes"]] == ["b"]


def test_a_position_that_the_feed_has_not_reached_is_to_be_loaded_anew(ask):
    position = ask()["next"]
    assert ask(since=position + 1) == {"changes": [], "next": position, "reload": True}


@pytest.mark.parametrize("since", ["-1", "seven", "", "9223372036854775808", "1; DROP TABLE feeds"])
def test_a_since_that_is_no_position_is_refused(app, home, client, since):
    answer = client.get("/live", params={"since": since}, headers=session_of(app, home))
    assert answer.status_code == 422


def test_a_stranger_is_refused_and_another_household_sees_its_own_alone(app, home, other, client):
    assert client.get("/live").status_code == 401
    change(app.database, home.household_id, "mine")
    theirs = client.get("/live", params={"since": 0}, headers=session_of(app, other)).json()
    assert "mine" not in {one["id"] for one in theirs["changes"]}
    foreign = session_of(app, other) | {"x-household": home.household_id}
    assert client.get("/live", headers=foreign).status_code == 404


def test_devices_and_images_are_called_by_their_numbers(app, home, ask):
    position = ask()["next"]
    app = with_ports(app, ocr_engine=FakeOcrEngine(), mailer=FakeMailer())
    deliver(app, home, photo())
    drain(app)
    named = {(one["kind"], one["id"]) for one in ask(since=position)["changes"]}
    devices = {str(number) for (number,) in rows(app, "SELECT number FROM device_settings")}
    images = {str(number) for (number,) in rows(app, "SELECT number FROM image_numbers")}
    assert {name for kind, name in named if kind == "device"} == devices
    assert {name for kind, name in named if kind == "image"} == images


def test_what_is_gone_has_no_number(app, home, ask):
    position = ask()["next"]
    change(app.database, home.household_id, "gone", kind=ChangeKind.IMAGE)
    assert [one["id"] for one in ask(since=position)["changes"]] == [None]


def test_every_kind_of_change_is_told_to_who_runs_the_server():
    (listed,) = re.findall(r"^- Each change is a kind \(([^;)]+)", OPERATIONS.read_text(), re.MULTILINE)
    assert re.findall(r"`(\w+)`", listed) == list(ChangeKind)
