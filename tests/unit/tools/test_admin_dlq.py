"""``pillarbox admin dlq`` and ``replay``, as an operator and as a script use them."""

import json
import logging

import pytest
from typer.testing import CliRunner

from tests.databases import SQLITE, Dialect
from tests.unit.cloud.messages import dlq, say_bytes
from tools.cli import app as program
from tools.commands.columns import printable
from tools.commands.dlq import age

pytestmark = pytest.mark.parametrize("dialect", [Dialect(SQLITE)], ids=[SQLITE])


@pytest.fixture
def admin(app, home):
    """Run a command on a server with two parked messages."""
    for content in (b"no \x1b[31mJSON", b"[]"):
        say_bytes(app, home.board.thing, "events", content)

    def run(*words, **options):
        return CliRunner().invoke(program, ["admin", *words, "--data", str(app.settings.data)], **options)

    return run


def entries(admin, *options):
    return [json.loads(line) for line in admin("dlq", "list", "--json", *options).stdout.splitlines()]


def test_the_list_tells_reason_subject_and_age(admin, home):
    newest, _ = entries(admin)
    assert (newest["stage"], newest["subject"]) == ("events", home.board.thing)
    assert newest["age_s"] < 600
    assert [one["reason"] for one in entries(admin, "--reason", "UTF-8")] == [
        "expected JSON in UTF-8, got something else"
    ]
    assert entries(admin, "--limit", "1") == [newest]
    assert admin("dlq", "list").stdout.splitlines()[1].startswith(f"{newest['id']}  events")


def test_a_list_that_is_not_whole_says_so_and_how_to_get_the_rest(admin):
    assert admin("dlq", "list", "--limit", "1").stderr == "1 of 2 entries, the newest; all of them: --limit 2\n"
    assert admin("dlq", "list", "--limit", "1", "--json").stderr != ""
    for words in (("--limit", "2"), (), ("--limit", "1", "--reason", "UTF-8")):
        assert admin("dlq", "list", *words).stderr == ""


def test_what_came_several_times_is_told_with_its_number(admin, app, home):
    say_bytes(app, home.board.thing, "events", b"[]")
    assert [one["times"] for one in entries(admin)] == [2, 1]
    assert admin("dlq", "list").stdout.splitlines()[0].split() == [
        "id",
        "stage",
        "subject",
        "times",
        "age",
        "story",
        "reason",
    ]


def test_an_entry_names_the_story_by_which_the_log_tells_of_it(admin, app, home, caplog):
    caplog.clear()
    say_bytes(app, home.board.thing, "events", b"{}", correlation_id="story-of-a-board")
    assert f"a message of {home.board.thing}, of the kind events: " in caplog.text
    entry = entries(admin, "--limit", "1")[0]
    assert entry["story"] == "story-of-a-board"
    assert "story-of-a-board" in admin("dlq", "list").stdout
    shown = admin("dlq", "show", entry["id"]).stdout
    assert "story       story-of-a-board\n" in shown
    assert "\nevent " not in shown


def test_a_refusal_is_told_once_by_a_replay(admin, home, caplog):
    entry = entries(admin)[0]
    caplog.clear()
    replayed = admin("replay", entry["id"])
    assert replayed.output.count(entry["reason"]) == 1
    assert [record for record in caplog.records if home.board.thing in record.message] == []
    assert not logging.getLogger("cloud.pipeline").disabled


def test_what_a_stranger_sent_does_not_steer_the_terminal(admin):
    _, oldest = entries(admin)
    shown = admin("dlq", "show", oldest["id"]).stdout
    assert r"no \x1b[31mJSON" in shown
    assert json.loads(admin("dlq", "show", oldest["id"], "--json").stdout)["payload"] == "no \x1b[31mJSON"


def test_an_entry_is_dropped_only_when_told_so(admin, app):
    newest, oldest = entries(admin)
    assert admin("dlq", "drop", newest["id"], input="n\n").exit_code == 1
    assert len(dlq(app)) == 2
    assert admin("dlq", "drop", newest["id"], input="y\n").exit_code == 0
    assert "is dropped" in admin("dlq", "drop", oldest["id"], "--yes").stdout
    assert dlq(app) == []


def test_replaying_says_what_became_of_each(admin, app):
    ids = {one["id"] for one in entries(admin)}
    answer = admin("replay", "--all")
    assert answer.exit_code == 1
    assert "2 parked" in answer.stdout
    told = [json.loads(line) for line in admin("replay", *ids, "--json").stdout.splitlines()]
    assert {one["id"] for one in told} == ids
    assert {one["outcome"] for one in told} == {"parked"}
    assert "nothing to replay" in admin("replay", "--reason", "no such words").stdout
    assert len(dlq(app)) == 2


def test_what_cannot_be_meant_is_refused(admin):
    assert "one of the three" in admin("replay").stderr
    assert "one of the three" in admin("replay", "--all", "--reason", "x").stderr
    for words in (("replay", "unknown"), ("dlq", "show", "unknown"), ("dlq", "drop", "unknown", "--yes")):
        assert "found none with id unknown" in admin(*words).stderr


@pytest.mark.parametrize(("milliseconds", "told"), [(-5, "0 s"), (59_999, "59 s"), (3_600_000, "1 h"), (9e8, "10.0 d")])
def test_an_age_is_told_in_its_largest_unit(milliseconds, told, dialect):
    assert age(int(milliseconds)) == told.replace(".0", "")
    assert dialect


def test_control_characters_are_shown(dialect):
    assert printable("a\nb\x07é\u202e") == r"a\nb\x07é\u202e"
    assert dialect
