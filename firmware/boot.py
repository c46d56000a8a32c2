"""What surrounds a wake: the watchdog before it, and sleep even after an error that nobody foresaw."""

from firmware.board import Board
from firmware.main import Wake
from firmware.uplink import Uplink, trust

WATCHDOG_MS = 120000
CRASH_SLEEP_MS = 600000


def start():
    """Run one wake; an unforeseen error is logged and slept over: a board that stays awake empties its battery."""
    board = Board()
    board.guard(WATCHDOG_MS)
    try:
        Wake(board, uplink_to).run()
    except Exception as error:
        board.log_error(error)
        board.radio_off()
        board.sleep(CRASH_SLEEP_MS, not board.is_open())


def uplink_to(config, now_ms):
    """Return an unconnected uplink to the broker of ``config``, with the certificates of ``config/``."""
    context = trust(_read("config/ca.der"), _read("config/cert.der"), _read("config/key.der"))
    return Uplink(config, context, now_ms)


def _read(path):
    with open(path, "rb") as file:
        return file.read()
