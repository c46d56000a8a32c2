"""Log records as lines: JSON for programs, text for people; either way one record cannot pass for two."""

import json
import logging
import re
from datetime import UTC, datetime
from enum import StrEnum

from cloud import correlation

# What every record has; anything else was given as ``extra`` and belongs into the line.
ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
# Errors of mail servers name the recipient.
_ADDRESS = re.compile(r"[^\s<>@,;:'\"]+@[^\s<>@,;:'\"]+")


class LogFormat(StrEnum):
    """How the log is written."""

    JSON = "json"
    TEXT = "text"


class JsonLines(logging.Formatter):
    """One JSON object per record: at, level, logger, message, correlation_id, and the record's extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        line = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _without_addresses(record.getMessage()),
        }
        if story := correlation.current():
            line["correlation_id"] = story
        line |= {name: value for name, value in vars(record).items() if name not in ORDINARY}
        if record.exc_info:
            line["error"] = _without_addresses(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """One line per record; the lines of a traceback follow it, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        # Of what is taken together the record tells each one's.
        story = correlation.current() or ", ".join(getattr(record, "stories", ()))
        message = _one_line(_without_addresses(record.getMessage()))
        line = f"{_at(record)} {record.levelname} {record.name}: {message}{f' [{_one_line(story)}]' if story else ''}"
        if not record.exc_info:
            return line
        error = _without_addresses(self.formatException(record.exc_info))
        return "\n    ".join([line, *(_one_line(one) for one in error.splitlines())])


def log_to_stderr(form: LogFormat) -> None:
    """Write this process's records of INFO and above to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form is LogFormat.JSON else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _without_addresses(text: str) -> str:
    return _ADDRESS.sub("<address>", text) if "@" in text else text


def _one_line(text: str) -> str:
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
