"""Lines of the log: one record is one, whatever is in it."""

import json
import logging

import pytest

from cloud import correlation
from cloud.log_lines import JsonLines, TextLines

FORGED = "bad\n2026-01-01T00:00:00 ERROR root: forged\r\x1b[31m\u2028"


def record(message, *values, **extra):
    made = logging.LogRecord("cloud.part", logging.WARNING, "file.py", 1, message, values, None)
    vars(made).update(extra)
    return made


def failed(message):
    error = ValueError(message)
    return logging.LogRecord("cloud.part", logging.ERROR, "file.py", 1, "it failed", (), (type(error), error, None))


def test_a_line_of_json_has_what_a_search_needs():
    with correlation.story("story-1"):
        line = json.loads(JsonLines().format(record("%d jobs", 3, job_id="j1")))
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "cloud.part",
        "message": "3 jobs",
        "correlation_id": "story-1",
        "job_id": "j1",
    }


def test_a_line_of_text_names_its_story():
    with correlation.story("story-1"):
        assert TextLines().format(record("%d jobs", 3)).endswith("WARNING cloud.part: 3 jobs [story-1]")
    assert TextLines().format(record("no story")).endswith(": no story")


def test_a_line_of_text_names_the_stories_of_what_is_taken_together():
    taken = record("%d reports", 2, stories=["story-1 event 4", "story-2 event 5"])
    assert TextLines().format(taken).endswith(": 2 reports [story-1 event 4, story-2 event 5]")
    assert len(TextLines().format(record("1 report", stories=[FORGED])).splitlines()) == 1


@pytest.mark.parametrize("form", [JsonLines(), TextLines()])
def test_no_record_passes_for_two(form):
    assert len(form.format(record("%s", FORGED, extra_field="x")).splitlines()) == 1


def test_no_error_passes_for_a_record():
    assert len(JsonLines().format(failed(FORGED)).splitlines()) == 1
    first, *others = TextLines().format(failed(FORGED)).splitlines()
    assert first.endswith("it failed")
    assert all(line.startswith("    ") for line in others)
    assert any("ValueError: bad" in line for line in others)


@pytest.mark.parametrize("form", [JsonLines(), TextLines()])
def test_addresses_are_left_out(form):
    for line in (
        form.format(record("550 no such user <jo.doe+box@mail.example.org>")),
        form.format(failed("a@b.example")),
    ):
        assert "example" not in line
        assert "<address>" in line
