"""The board's wire to its supervisor: one JSON list per line each way, ``[op, ...]`` and ``[value, moves]``."""

import json

_streams = []
_watchers = []
wake = {}


def open_link(stream) -> None:
    """Use ``stream`` from now on and fetch what this wake begins with into ``wake``."""
    _streams.append(stream)
    wake.update(call("hello"))


def call(*request):
    """Return the supervisor's answer; door movements that came with it reach their interrupt handlers first."""
    tell(*request)
    value, moves = json.loads(_streams[0].readline())
    for _ in range(moves):
        for handler in _watchers:
            handler()
    return value


def tell(*request) -> None:
    """Send a line that has no answer."""
    _streams[0].write(json.dumps(request).encode() + b"\n")


def on_move(handler) -> None:
    """Call ``handler()`` for every door movement from now on."""
    _watchers.append(handler)


def end() -> None:
    """Wait for the supervisor to take the power away."""
    while _streams[0].readline():
        pass
