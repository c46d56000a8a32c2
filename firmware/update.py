"""Bring a newer firmware onto the board: signed, fetched over several wakes if need be, then on trial."""

import hashlib
import os

from firmware import slots
from firmware.download import Download
from firmware.errors import FLASH_IS_FULL, UplinkError
from firmware.image import ImageError, unpack
from firmware.signature import is_genuine, signed_text

IMAGE = "state/image"
# What was refused for what it is will be so tomorrow: once a day is enough to find out.
AGAIN_MS = 86400000
_NAME_DIGITS = 16


class Update:
    """What ``desired`` wishes for, as ``version``, ``url``, ``sha256`` and ``signature``.

    In RTC memory: again (which image is not tried before which ``mono``), refusal (why the last was refused), more (the
    image is partly here), installed (it is on trial).
    """

    def __init__(self, board, state, wish, context, resolve):
        self._board = board
        self._state = state
        self._wish = wish
        self._context = context
        self._resolve = resolve
        self._name = wish["sha256"][:_NAME_DIGITS]
        self._path = IMAGE + "-" + self._name

    def run(self, until_ms):
        """Go on with it until the time is up; never fails. What is refused is named in the next heartbeat."""
        rtc, now = self._state.rtc, self._state.clock.mono()
        rtc.pop("more", None)
        name, again = rtc.get("again", ("", 0))
        if not is_newer(self._wish["version"], self._state.version):
            _forget_images("")
        elif name != self._name or now >= again:
            self._try(until_ms)

    def _try(self, until_ms):
        rtc = self._state.rtc
        rtc.pop("refusal", None)
        reason = self._objection() or self._bring(until_ms)
        if reason is not None:
            self._board.log("update refused: " + reason)
            rtc["again"] = [self._name, self._state.clock.mono() + AGAIN_MS]
            rtc["refusal"] = reason
            rtc.pop("beat", None)
            _forget_images("")

    def _objection(self):
        failed = slots.trial()
        if failed is not None and failed[1:] == (self._wish["version"], 0):
            return "%s did not prove itself in %d wakes" % (failed[1], slots.TRIES)
        key = self._state.config.get("update_key")
        if not key:
            return "this board has no key to verify updates with"
        if not is_genuine(signed_text(self._wish["version"], self._wish["sha256"]), self._wish["signature"], key):
            return "the signature is not by the key of this board"
        return None

    def _bring(self, until_ms):
        """Fetch and install; return why not, None when there is a next time."""
        try:
            _forget_images(self._path)
            if not self._fetch(until_ms):
                self._state.rtc["more"] = 1
                return None
            self._board.feed()
            if _sha256(self._path) != self._wish["sha256"]:
                return "the image is not the one that was signed"
            slot = slots.other(self._state.slot)
            unpack(self._path, slot)
            slots.put_on_trial(slot, self._wish["version"])
        except UplinkError as error:
            self._board.log("update not fetched: %r" % error)
            return None
        except ImageError as error:
            return str(error)
        except OSError as error:
            if error.errno != FLASH_IS_FULL:
                raise
            return "the flash is full"
        _forget_images("")
        self._state.rtc["installed"] = 1
        self._board.log("update %s is on trial" % self._wish["version"])
        return None

    def _fetch(self, until_ms):
        have = _size(self._path)
        if have and _sha256(self._path) == self._wish["sha256"]:
            return True
        download = Download(self._wish["url"], self._path, self._context, self._resolve, self._board.uptime_ms)
        return download.run(have, until_ms, self._board.feed)


def is_newer(version, than):
    """Return whether ``version`` is above ``than``, both dotted numbers; what is no version is not."""
    return _numbers(version) > _numbers(than)


def _numbers(version):
    parts = version.split(".")
    return [int(part) for part in parts] if all(part.isdigit() for part in parts) else []


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return 0


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            chunk = file.read(1024)
            if not chunk:
                return "".join(["%02x" % byte for byte in digest.digest()])
            digest.update(chunk)


def _forget_images(but):
    """Remove every image that is not ``but``."""
    for name in os.listdir("state"):
        path = "state/" + name
        if path.startswith(IMAGE) and path != but:
            os.remove(path)
