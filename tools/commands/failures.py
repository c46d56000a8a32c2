"""How a command ends when something is wrong: one clear sentence on stderr, exit status 1."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from cloud.errors import PillarboxError
from edge_gateway.errors import GatewayError
from tools.parts.cache import PartError

P = ParamSpec("P")


def clear_failures(command: Callable[P, None]) -> Callable[P, None]:
    """Return the command with its expected errors printed as one sentence; bugs keep their traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (PillarboxError, GatewayError, PartError) as error:
            print(f"pillarbox: {error}", file=sys.stderr)
            raise typer.Exit(1) from error

    return run
