"""The board's /main.py: start the firmware of the right slot, one on trial three times at most.

It stays as it is when the firmware is updated, so it knows of nothing but the files ``slot`` and ``trial``.
"""

import os
import sys

CRASH_SLEEP_MS = 600000
TRIAL_SLEEP_MS = 1000


def choose():
    """Return ``(slot, is on trial)``; a try is taken away before it is used, and none left means the proven slot."""
    try:
        with open("trial") as file:
            slot, version, tries = file.read().split()
        if int(tries) > 0:
            with open("trial.new", "w") as file:
                file.write("%s %s %d" % (slot, version, int(tries) - 1))
            os.rename("trial.new", "trial")
            return slot, True
    except (OSError, ValueError):
        pass  # none on trial, or no room to count its tries
    with open("slot") as file:
        return file.read().strip(), False


def main():
    """Start a firmware; one that cannot be loaded is slept over."""
    slot, is_trial = choose()
    sys.path.insert(0, slot)
    try:
        from firmware.boot import start  # noqa: PLC0415 - of the slot just chosen
    except Exception as error:
        print("expected a firmware in %s, got %r" % (slot, error))
        import machine  # noqa: PLC0415 - only a board whose firmware does not load needs it here

        machine.deepsleep(TRIAL_SLEEP_MS if is_trial else CRASH_SLEEP_MS)
        return
    start(slot)


if __name__ == "__main__":
    main()
