"""Flash of the laboratory's board: NOR in memory, on which a power cut can fall into any operation."""

import errno

from lab_meter import METER

BLOCK_BYTES = 4096
_ERASE = 6


class Cut(BaseException):
    """The power is gone."""


class Chip:
    """NOR flash in memory: erased to ones, programmed to zeros; counts what changes it and stops at ``cut_at``.

    Of that operation the part ``torn`` is done: 0 none of it, 1 all of it, which is a cut between two of them.
    Without power it stays as it is for ever: files that the wake left open are closed by the garbage collector later,
    which lets nobody allocate. It answers that it failed, and ``Cut`` is for the board to raise: an exception that
    jumps out of LittleFS would leave its list of open files pointing into a stack that is gone.
    """

    def __init__(self, memory):
        self.memory = bytearray(memory)
        self.changes = 0
        self.cut_at = 0
        self.torn = 0.5
        self.is_dead = False

    def retire(self):
        """Be out of use for ever."""
        self.is_dead = True
        self.memory = b""

    def readblocks(self, number, buffer, offset=0):
        """Fill ``buffer`` from a block."""
        if self.is_dead:
            return -errno.EIO
        start = number * BLOCK_BYTES + offset
        buffer[:] = self.memory[start : start + len(buffer)]
        return 0

    def writeblocks(self, number, buffer, offset=0):
        """Program a block, which can only turn ones into zeros."""
        if self.is_dead:
            return -errno.EIO
        METER.spend("program")
        count = self._done(len(buffer))
        start = number * BLOCK_BYTES + offset
        old = int.from_bytes(self.memory[start : start + count], "big")
        new = old & int.from_bytes(bytes(buffer[:count]), "big")
        self.memory[start : start + count] = new.to_bytes(count, "big")
        return self._status()

    def ioctl(self, operation, argument):
        """Answer LittleFS: 4 = how many blocks, 5 = how large, 6 = erase; the others are done already."""
        if self.is_dead:
            return -errno.EIO
        if operation == _ERASE:
            METER.spend("erase")
            count = self._done(BLOCK_BYTES)
            start = argument * BLOCK_BYTES
            self.memory[start : start + count] = b"\xff" * count
            return self._status()
        return {4: len(self.memory) // BLOCK_BYTES, 5: BLOCK_BYTES}.get(operation, 0)

    def _done(self, count):
        """Return how many bytes of an operation on so many are changed."""
        self.changes += 1
        self.is_dead = self.changes == self.cut_at
        return int(count * self.torn) if self.is_dead else count

    def _status(self):
        return -errno.EIO if self.is_dead else 0
