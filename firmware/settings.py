"""The settings that the cloud may wish for: their bounds, their defaults, and their file on flash."""

import json

from firmware.identity import read_guarded, write_guarded

CUTOFF = "battery_cutoff_mv"
# Of each name the default, the lowest and the highest value.
WHOLE_NUMBERS = {
    "active": (1, 0, 1),
    "debounce_ms": (15, 1, 500),
    "heartbeat_s": (21600, 60, 604800),
    "ack_wait_ms": (500, 0, 10000),
    "radio_budget_ms": (20000, 1000, 120000),
    "radio_day_s": (300, 30, 86400),
    "storm_movements": (24, 4, 1000000),
    "battery_low_mv": (3500, 0, 60000),
    CUTOFF: (3300, 0, 60000),
}
STILL_OPEN = "still_open_s"
STILL_OPEN_DEFAULT = (300, 3600, 14400, 86400)
STILL_OPEN_MOST = 8


def defaults(config):
    """Return the settings of a board that nobody has asked for others: as provisioned, else of the table above."""
    values = {name: config.get(name, bounds[0]) for name, bounds in WHOLE_NUMBERS.items()}
    values[STILL_OPEN] = list(STILL_OPEN_DEFAULT)
    return values


def sift(wanted, batt_mv=None):
    """Return ``(accepted, refused)``: the settings to use, and for each other name why not.

    ``batt_mv`` is what the battery has now, None where there is none to measure.
    """
    accepted = {}
    refused = {}
    for name, value in wanted.items():
        reason = _fault(name, value)
        if reason is None and name == CUTOFF and batt_mv is not None and value > batt_mv:
            # Nobody could take that back but by cable.
            reason = "expected at most what the battery has, or the radio would stay off"
        if reason is None:
            accepted[name] = value
        else:
            refused[name] = reason
    return accepted, refused


def load(path):
    """Return ``(accepted, refused, rev)`` as saved, nothing at revision 0 when the file is missing or damaged."""
    text = read_guarded(path)
    if text is None:
        return {}, {}, 0
    saved = json.loads(text)
    return saved["accepted"], saved["refused"], saved["rev"]


def save(path, accepted, refused, rev):
    """Keep what was accepted and what was refused, and the revision that it came with."""
    write_guarded(path, json.dumps({"accepted": accepted, "refused": refused, "rev": rev}))


def _fault(name, value):
    if name in WHOLE_NUMBERS:
        _, low, high = WHOLE_NUMBERS[name]
        if not _is_whole(value) or not low <= value <= high:
            return "expected a whole number from %d to %d" % (low, high)
        return None
    if name == STILL_OPEN:
        rising = isinstance(value, list) and len(value) <= STILL_OPEN_MOST
        least = 0
        for seconds in value if rising else ():
            rising = rising and _is_whole(seconds) and seconds > least
            least = seconds if rising else least
        return None if rising else "expected at most %d rising whole numbers of seconds" % STILL_OPEN_MOST
    return "no such setting"


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)
