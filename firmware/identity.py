"""Who the board is and how it numbers its events: unique without a clock, across reboots, cells and reflashing.

``install`` is drawn once per formatted flash, ``boot`` counts on flash every time RTC memory was lost, ``seq``
counts in RTC memory. So an event costs no flash write for its number and no number is ever used twice.
"""

import binascii
import json
import os

from firmware.errors import FLASH_IS_FULL

_TEMPORARY = ".new"


def pack(state):
    """Return the bytes that keep ``state`` in RTC memory, guarded by a CRC: the hardware only checks a magic word."""
    return _guarded(json.dumps(state))


def unpack(block):
    """Return the state in an RTC memory block, None when it is empty or damaged."""
    text = _checked(block)
    return json.loads(text) if text else None


def restore(path, block, random_bytes):
    """Return ``(state, cold)``: the state that RTC memory kept, else a new one with a boot number never used before.

    ``random_bytes(8)`` is drawn only when ``path`` holds no identity.
    """
    state = unpack(block)
    if state is not None:
        return state, False
    install, boot = _read(path) or (binascii.hexlify(random_bytes(8)).decode(), 0)
    # Written before it is used: a power cut may waste a number, never repeat one.
    boot += 1
    try:
        write_guarded(path, json.dumps([install, boot]))
    except OSError as error:
        if error.errno != FLASH_IS_FULL:
            raise
        # A full flash takes no number, so none of its numbers may be used: another install has all of them free.
        install, boot = binascii.hexlify(random_bytes(8)).decode(), 0
    return {"install": install, "boot": boot, "seq": 0}, True


def number_event(state, remember):
    """Return the next event's seq, kept in RTC memory by ``remember(block)`` before it is used."""
    state["seq"] += 1
    remember(pack(state))
    return state["seq"]


def event_id(install, boot, seq):
    """Return the event's name in the wire contract."""
    return "%s-%d-%d" % (install, boot, seq)


def write_guarded(path, text):
    """Replace the file at ``path`` by ``text`` and its CRC, whole or not at all."""
    with open(path + _TEMPORARY, "wb") as file:
        file.write(_guarded(text))
    os.rename(path + _TEMPORARY, path)


def read_guarded(path):
    """Return the text that ``write_guarded`` wrote, None when there is none or it is damaged."""
    try:
        with open(path, "rb") as file:
            return _checked(file.read())
    except OSError:
        return None


def _read(path):
    text = read_guarded(path)
    return json.loads(text) if text else None


def _guarded(text):
    content = text.encode()
    return b"%08x " % binascii.crc32(content) + content


def _checked(block):
    content = bytes(block[9:])
    if bytes(block[:9]) != b"%08x " % binascii.crc32(content):
        return None
    return content.decode()
