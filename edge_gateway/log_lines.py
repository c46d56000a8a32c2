"""Log records as JSON lines, for journald and whatever reads it."""

import json
import logging
from datetime import UTC, datetime

# What every record has; anything else was given as ``extra`` and belongs into the line.
ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object per record: at, level, part, message, and the record's extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in ORDINARY and value != ""}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to_stderr() -> None:
    """Write the gateway's records to standard error, unless the program that contains it has set up logging."""
    logger = logging.getLogger("edge_gateway")
    if logger.hasHandlers():
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
