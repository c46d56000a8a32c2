"""The board's wire to its supervisor: one JSON list per line each way.

``[op, ..., number]`` is answered by ``[value, moves, is interrupted, number]``; what only tells has no number.
"""

import json

_streams = []
_watchers = []
_calls = [0]
wake = {}


def open_link(stream) -> None:
    """Use ``stream`` from now on and fetch what this wake begins with into ``wake``."""
    _streams.append(stream)
    wake.update(call("hello"))


def call(*request):
    """Return the supervisor's answer; door movements that came with it reach their interrupt handlers first.

    Ctrl-C at the serial port is raised here, where it harms nothing.
    """
    _calls[0] += 1
    number = _calls[0]
    tell(*request, number)
    answered = 0
    while answered != number:  # a call that was interrupted left its answer
        value, moves, is_interrupted, answered = json.loads(_streams[0].readline())
    for _ in range(moves):
        for handler in _watchers:
            handler()
    if is_interrupted:
        raise KeyboardInterrupt
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
