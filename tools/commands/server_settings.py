"""The server's settings as a command gets them: options first, then the environment and ``.env``."""

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cloud.bootstrap import KEYS
from cloud.errors import ConfigurationError
from cloud.settings import Settings


def server_settings(*, may_be_new: bool = True, **options: Any) -> Settings:
    """Return the settings with the options that are not None; their data folder exists and can be written to.

    Raises ConfigurationError for a value out of range and for a data folder that cannot be used, or that must not be
    new and is no server's yet: a name that was mistyped.
    """
    settings = read_settings(**options)
    if not may_be_new and not (settings.data / KEYS).is_dir():
        raise no_server(settings.data)
    usable_folder(settings.data)
    return settings


def read_settings(**options: Any) -> Settings:
    """Return the settings with the options that are not None, and make nothing; raises ConfigurationError."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError("; ".join(_told(fault) for fault in error.errors())) from error


def no_server(folder: Path) -> ConfigurationError:
    """Return the refusal of a data folder that is no server's."""
    return ConfigurationError(f"expected the data folder of a server at {folder}, there is none; choose another --data")


def usable_folder(folder: Path) -> Path:
    """Return the folder, made where it is new; raises ConfigurationError when it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"expected a data folder at {folder}: {error.strerror}; choose another") from error
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(f"expected a data folder that can be written to, got {folder}; choose another")
    return folder


def _told(fault: Any) -> str:
    name = "_".join(str(part) for part in fault["loc"]).removeprefix("PILLARBOX_").upper()
    return f"PILLARBOX_{name}: {fault['msg']}, got {fault['input']!r}"
