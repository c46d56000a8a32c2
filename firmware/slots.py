"""The two places of the firmware on flash: one that has proved itself, and one that may be on trial.

The file ``slot`` names the first. The file ``trial`` holds ``slot version tries`` of the second; ``/main.py``
(``firmware.chooser``) takes a try away before it starts it, so that a firmware that never gets as far as this counts
too. With no try left it is not started again, and stays named so that it is not installed again.
"""

import os

PROVEN = "slot"
TRIAL = "trial"
TRIES = 3


def trial():
    """Return ``(slot, version, tries)`` of what is or was on trial, None without."""
    try:
        with open(TRIAL) as file:
            slot, version, tries = file.read().split()
        return slot, version, int(tries)
    except (OSError, ValueError):
        return None


def put_on_trial(slot, version):
    """Let ``slot``, which holds this version, be started next."""
    _replace(TRIAL, "%s %s %d" % (slot, version, TRIES))


def prove(slot):
    """Let ``slot`` be the one that is started from now on, where it is on trial; return whether it was."""
    found = trial()
    if found is None or found[0] != slot:
        return False
    # In this order: between the two the board starts the same slot in either way.
    _replace(PROVEN, slot)
    os.remove(TRIAL)
    return True


def other(slot):
    """Return the slot that is not ``slot``."""
    return "b" if slot == "a" else "a"


def _replace(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)
