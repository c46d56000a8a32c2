"""Logs are JSON lines."""

import json
import logging
import sys

from edge_gateway.log_lines import JsonLines


def line(**fields) -> dict:
    record = logging.makeLogRecord({"name": "edge_gateway.spool", "levelname": "ERROR", "created": 0.5, **fields})
    return json.loads(JsonLines().format(record))


def test_a_record_becomes_one_object() -> None:
    assert line(msg="image %s", args=("parked",), event_id="e-1") == {
        "at": "1970-01-01T00:00:00.500+00:00",
        "level": "error",
        "part": "edge_gateway.spool",
        "message": "image parked",
        "event_id": "e-1",
    }


def test_what_is_empty_is_left_out_and_what_json_does_not_know_is_written_out() -> None:
    written = line(msg="x", reason="", path=sys)
    assert "reason" not in written
    assert "module" in written["path"]


def test_an_error_is_told_in_full() -> None:
    error = ValueError("expected 1, got 2")
    assert "ValueError: expected 1, got 2" in line(msg="x", exc_info=(ValueError, error, None))["error"]
