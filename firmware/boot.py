"""What surrounds a wake: maintenance, the watchdog, safe mode, and sleep even after an error that nobody foresaw."""

import json

from firmware import safety, signals
from firmware.board import Board
from firmware.chip import COLD
from firmware.main import Wake
from firmware.state import CONFIG
from firmware.uplink import Uplink, trust

WATCHDOG_MS = 120000
CRASH_SLEEP_MS = 600000
MAINTENANCE_MS = 5000


def start(slot):
    """Run one wake of ``slot``; an unforeseen error is slept over: a board that stays awake empties its battery."""
    board = Board()
    bad = safety.begin(board.recall(), board.remember)
    is_attended = board.wake_cause() == COLD and maintain(board)
    board.guard(WATCHDOG_MS)
    if safety.is_safe_mode(bad):
        board.log("safe mode: %d bad starts in a row" % bad)
        board.blink(signals.SAFE_MODE)
        board.sleep(safety.SAFE_SLEEP_MS, None)
        return
    try:
        Wake(board, uplink_to, slot, is_attended=is_attended).run()
    except Exception as error:
        board.log_error(error)
        board.radio_off()
        if is_attended:
            board.blink(signals.CRASHED)
        board.sleep(CRASH_SLEEP_MS, not board.is_open())


def maintain(board):
    """Wait for a hand at the keyboard, whose Ctrl-C ends the program; return whether there was such a window.

    A sleeping board answers nobody and a watchdog cannot be stopped: this is when mpremote gets in.
    """
    window_ms = _window_ms()
    if not window_ms:
        return False
    board.log("maintenance: %d ms for Ctrl-C" % window_ms)
    board.light(True)  # noqa: FBT003 - a lamp
    board.pause_ms(window_ms)
    board.light(False)  # noqa: FBT003 - a lamp
    return True


def uplink_to(config, now_ms):
    """Return an unconnected uplink to the broker of ``config``, with the certificates of ``config/``."""
    context = trust(_read("config/ca.der"), _read("config/cert.der"), _read("config/key.der"))
    return Uplink(config, context, now_ms)


def _window_ms():
    try:
        with open(CONFIG) as file:
            return json.load(file).get("maintenance_ms", 0)
    except (OSError, ValueError):
        return MAINTENANCE_MS  # without its configuration a board is good for nothing else


def _read(path):
    with open(path, "rb") as file:
        return file.read()
