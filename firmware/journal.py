"""The journal: events on flash until the cloud has committed them.

One line per event, ``crc32 json``, appended and closed before the radio is switched on. The first line keeps what
must outlive the events: how many were dropped for lack of room, and the door's last journaled state. A line that a
power cut tore does not match its CRC and is cut off; nothing before it suffers.
"""

import binascii
import errno
import json
import os

from firmware.door import CLOSE, OPEN
from firmware.errors import FLASH_IS_FULL

CAP = 1024  # events; some 170 KB of flash, a year of an unreachable cloud at ten openings a week
_TEMPORARY = ".new"
_CRC = 9  # eight digits and a space
_TYPE = b'{"event_type": '
_DOORS = (_TYPE + b'"open"', _TYPE + b'"close"')


class Journal:
    """The file at ``path``, at most ``cap`` events: when it is full the oldest quarter makes room and is counted."""

    def __init__(self, path, cap=CAP):
        self._path = path
        self._cap = cap
        self.count = 0
        self.lost = 0
        self.door = CLOSE
        self.door_at = None
        self._end = b""
        self._load()

    def append(self, event):
        """Keep ``event``, a dictionary with at least install, boot, seq and event_type; on flash when this returns."""
        if self.count >= self._cap:
            self._drop(self._cap // 4 or 1)
        try:
            self._write(_line(event))
        except OSError as error:
            if error.errno != FLASH_IS_FULL or not self.count:
                raise
            self._drop(self.count // 2 or 1)
            self._write(_line(event))
        self.count += 1
        self._note(event)

    def events(self):
        """Yield the waiting events, oldest first."""
        for _, event in self._lines():
            if event is not None and "event_type" in event:
                yield event

    def acknowledge(self, install, boot, seq):
        """Forget this install's events up to the watermark; return how many they were."""
        position = (boot, seq)

        def is_waiting(event):
            return event["install"] != install or (event["boot"], event["seq"]) > position

        for event in self.events():
            if not is_waiting(event):
                return self._rewrite(is_waiting)
        return 0  # the same watermark as at the last wake, most often: no reason to write

    def _write(self, line):
        with open(self._path, "ab") as file:
            file.write(self._end + line)
        self._end = b""

    def _load(self):
        damaged = torn = 0
        last = None
        for line in self._raw_lines():
            if _is_whole(line):
                # Every wake reads all lines: of a thousand, only those that tell something now are decoded.
                if line[_CRC:].startswith(_TYPE):
                    self.count += 1
                    last = line if line[_CRC:].startswith(_DOORS) else last
                else:
                    event = _decoded(line)
                    self.count += "event_type" in event  # by a firmware that wrote it in another order
                    self._note(event)
            elif line[-1:] == b"\n":
                damaged += 1
            else:
                torn = 1  # its append never returned, so no event is lost by it
        if last is not None:
            self._note(_decoded(last))
        if damaged or torn:
            self._repair(damaged, torn)

    def _repair(self, damaged, torn):
        try:
            self._rewrite(_always, damaged)
        except OSError as error:
            if error.errno != FLASH_IS_FULL:
                raise
            # Left as it is and counted at each wake until there is room; what is torn must not tear the next line.
            self.lost += damaged
            self._end = b"\n" if torn else b""

    def _note(self, event):
        if "lost" in event:
            self.lost = event["lost"]
            self.door, self.door_at = event["door"], event["door_at"]
        elif event["event_type"] in (OPEN, CLOSE):
            self.door, self.door_at = event["event_type"], event.get("at")

    def _drop(self, number):
        # Counted in the rewritten file itself, so that events and count cannot part in a power cut.
        dropped = [0]

        def keep(_):
            dropped[0] += 1
            return dropped[0] > number

        self._rewrite(keep, number)

    def _rewrite(self, keep, lost=0):
        """Replace the file by its events that pass ``keep``, whole or not at all; return how many were left out."""
        before = self.count
        try:
            self.count = self._copy(keep, self.lost + lost)
        except OSError:
            # Half a copy would keep the room that is missing.
            os.remove(self._path + _TEMPORARY)
            raise
        os.rename(self._path + _TEMPORARY, self._path)
        self._end = b""
        self.lost += lost
        return before - self.count

    def _copy(self, keep, lost):
        kept = 0
        with open(self._path + _TEMPORARY, "wb") as file:
            first = {"lost": lost, "door": self.door, "door_at": self.door_at}
            file.write(_framed(json.dumps(first).encode()))
            for line, event in self._lines():
                if event is not None and "event_type" in event and keep(event):
                    file.write(line)
                    kept += 1
        return kept

    def _lines(self):
        for line in self._raw_lines():
            yield line, _decoded(line) if _is_whole(line) else None

    def _raw_lines(self):
        try:
            with open(self._path, "rb") as file:
                yield from file
        except OSError as error:
            # Any other failure must not pass for an empty journal: the next rewrite would make it one.
            if error.errno != errno.ENOENT:
                raise


def _always(_):
    return True


def _line(event):
    # Its type comes first, for the reader's sake: MicroPython keeps no order of its own.
    rest = dict(event)
    kind = json.dumps(rest.pop("event_type")).encode()
    return _framed(_TYPE + kind + b", " + json.dumps(rest).encode()[1:])


def _framed(content):
    return b"%08x " % binascii.crc32(content) + content + b"\n"


def _is_whole(line):
    return line[-1:] == b"\n" and line[:_CRC] == b"%08x " % binascii.crc32(line[_CRC:-1])


def _decoded(line):
    return json.loads(line[_CRC:-1])
