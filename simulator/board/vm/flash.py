"""A flash chip in a file: blocks of 4096 bytes, as ESP32's flash partition gives them to LittleFS."""

from link import end, tell

BLOCK_BYTES = 4096


class FlashFile:
    """The block device of ``path``, which is as large as its file.

    Its methods never jump: there MicroPython raises what Ctrl-C asked for, which may not happen inside of LittleFS.
    Nor do they allocate: the garbage collector closes files that a program forgot, while the heap is locked.
    """

    def __init__(self, path: str) -> None:
        self._file = open(path, "r+b")
        # By operation; LittleFS asks for the number of blocks (4) and their size (5), and orders what is done already.
        self._answers = (0, 0, 0, 0, self._file.seek(0, 2) // BLOCK_BYTES, BLOCK_BYTES, 0, 0)

    def readblocks(self, number: int, buffer: bytearray, offset: int = 0) -> None:
        """Fill ``buffer`` from a block."""
        self._file.seek(number * BLOCK_BYTES + offset)
        self._file.readinto(buffer)

    def writeblocks(self, number: int, buffer: bytearray, offset: int = 0) -> None:
        """Write ``buffer`` into a block; unbuffered, so that it outlives the process."""
        self._file.seek(number * BLOCK_BYTES + offset)
        self._file.write(buffer)

    def ioctl(self, operation: int, _: int) -> int:
        """Answer LittleFS."""
        return self._answers[operation]


class FailingFlashFile(FlashFile):
    """A flash during whose ``cut_at``th write the power fails."""

    def __init__(self, path: str, cut_at: int) -> None:
        super().__init__(path)
        self._writes_left = cut_at

    def writeblocks(self, number: int, buffer: bytearray, offset: int = 0) -> None:
        """Write ``buffer`` into a block, half of it where the power fails."""
        self._writes_left -= 1
        if self._writes_left:
            super().writeblocks(number, buffer, offset)
            return
        super().writeblocks(number, memoryview(buffer)[: len(buffer) // 2], offset)
        tell("cut")
        end()
