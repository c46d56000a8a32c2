"""Bad boots: starts that did not end in an orderly sleep, and the safe mode that many of them in a row lead to.

While power stays, RTC memory counts them; a brown-out loses RTC memory, so starts from nothing are counted on flash.
"""

import os

from firmware.identity import pack, read_guarded, unpack, write_guarded

PATH = "state/bad"
# From here on every other start is spent asleep: what is broken gets a try an hour, and the battery its rest.
MOST_BAD = 5
SAFE_SLEEP_MS = 3600000


def begin(block, remember):
    """Count this start as bad until ``passed`` is called; return how many bad ones it ends, itself included."""
    state = unpack(block)
    if state is not None:
        state["bad"] = state.get("bad", 0) + 1
        remember(pack(state))
        return state["bad"]
    text = read_guarded(PATH)
    bad = int(text) + 1 if text else 1
    try:
        write_guarded(PATH, str(bad))
    except OSError:
        pass  # a first start has no folder yet, a full flash no room: neither may keep the board from starting
    return bad


def passed(state):
    """Note that the board is about to sleep in order."""
    state.pop("bad", None)
    try:
        os.remove(PATH)
    except OSError:
        pass  # there is none but after a start from nothing


def is_safe_mode(bad):
    """Return whether this start should be slept away."""
    return bad > MOST_BAD and bad % 2 == 0
