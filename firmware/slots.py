"""The two places of the firmware on flash: one that has proved itself, and one that may be on trial.

The file ``slot`` names the first. The file ``trial`` holds ``slot version tries`` of the second; ``/main.py``
(``firmware.chooser``) takes a try away before it starts it, so that a firmware that never gets as far as this counts
too. With no try left it is not started again, and stays named so that it is not installed again.
"""

import json
import os

from firmware.errors import FLASH_IS_FULL

PROVEN = "slot"
TRIAL = "trial"
TRIES = 3
_CHUNK_BYTES = 1024


class ImageError(Exception):
    """An image is not what it says it is."""


def trial():
    """Return ``(slot, version, tries)`` of what is or was on trial, None without."""
    try:
        with open(TRIAL) as file:
            slot, version, tries = file.read().split()
        return slot, version, int(tries)
    except (OSError, ValueError):
        return None


def install(path, slot, version):
    """Unpack the image at ``path`` into ``slot`` and put it on trial; raises ImageError.

    An image is a line of JSON, ``[[name, bytes], …]``, and the contents one after another. Its digest was checked; what
    is checked here keeps a mistake of its maker from leaving the slot.
    """
    _clear(slot)
    with open(path, "rb") as image:
        try:
            index = json.loads(image.readline())
        except ValueError:
            raise ImageError("expected a line of JSON, got something else")
        for name, size in index:
            if not name.startswith("firmware/") or ".." in name:
                raise ImageError("expected a file of the firmware, got %s" % name)
            _unpack(image, "%s/%s" % (slot, name), size)
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


def _unpack(image, path, size):
    _make_folders(path)
    with open(path, "wb") as file:
        while size:
            chunk = image.read(min(size, _CHUNK_BYTES))
            if not chunk:
                raise ImageError("expected %d more bytes of %s, got the end" % (size, path))
            file.write(chunk)
            size -= len(chunk)


def _clear(folder):
    try:
        names = os.listdir(folder)
    except OSError:
        return  # it is not there
    for name in names:
        path = folder + "/" + name
        try:
            os.remove(path)
        except OSError:
            _clear(path)
            os.rmdir(path)


def _make_folders(path):
    parts = path.split("/")
    for count in range(1, len(parts)):
        try:
            os.mkdir("/".join(parts[:count]))
        except OSError as error:
            # Else it was made for an earlier file; where it was not, opening the file fails.
            if error.errno == FLASH_IS_FULL:
                raise


def _replace(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)
