"""The application of a data folder for one command, closed at its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.bootstrap import Application, build
from tools.commands.server_settings import server_settings


@contextmanager
def running(data: Path | None, *, may_be_new: bool = False) -> Iterator[Application]:
    """Yield the application; a server may run beside it. Raises ConfigurationError where no server ever ran."""
    app = build(server_settings(may_be_new=may_be_new, data=data))
    try:
        yield app
    finally:
        app.ports.writer.close()
        app.database.close()
