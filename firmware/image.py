"""Unpack an image of the firmware into a slot; loaded for that only, which most wakes never do."""

import json
import os

from firmware.errors import FLASH_IS_FULL

_CHUNK_BYTES = 1024


class ImageError(Exception):
    """An image is not what it says it is."""


def unpack(path, slot):
    """Replace what is in ``slot`` by the image at ``path``; raises ImageError.

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
