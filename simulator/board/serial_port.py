"""The board's USB serial port: a pseudo-terminal, by which mpremote and people reach the prompt."""

import os
import pty
import select
import tty
from pathlib import Path

# How long a computer may leave the port unread before what the board says is lost, as on a real cable.
PATIENCE_S = 0.5
_READ_BYTES = 65536


class SerialPort:
    """A port that stays while the board sleeps; ``link`` names it on disk for as long as it is open."""

    def __init__(self, link: Path) -> None:
        self._board, self._computer = pty.openpty()
        tty.setraw(self._computer)
        os.set_blocking(self._board, False)
        self.path = os.ttyname(self._computer)
        self._link = link
        self._is_heard = True
        link.unlink(missing_ok=True)
        link.symlink_to(self.path)

    def fileno(self) -> int:
        """Return what a selector waits for."""
        return self._board

    def received(self) -> bytes:
        """Return what the computer has sent since the last call."""
        try:
            return os.read(self._board, _READ_BYTES)
        except BlockingIOError:
            return b""

    def send(self, data: bytes) -> None:
        """Send to the computer; what a computer that does not listen leaves behind is lost."""
        while data and self._has_room():
            data = data[os.write(self._board, data) :]

    def close(self) -> None:
        """Pull the cable."""
        self._link.unlink(missing_ok=True)
        os.close(self._board)
        os.close(self._computer)

    def _has_room(self) -> bool:
        _, ready, _ = select.select([], [self._board], [], PATIENCE_S if self._is_heard else 0)
        self._is_heard = bool(ready)
        return self._is_heard
