"""A flash chip in a file: blocks of 4096 bytes, as ESP32's flash partition gives them to LittleFS."""

from link import end, tell, wake

BLOCK_BYTES = 4096


class FlashFile:
    """The block device of ``path``, which is as large as its file."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "r+b")
        self._blocks = self._file.seek(0, 2) // BLOCK_BYTES
        self._writes_left = wake.get("cut_at_write")

    def readblocks(self, number: int, buffer: bytearray, offset: int = 0) -> None:
        """Fill ``buffer`` from a block."""
        self._file.seek(number * BLOCK_BYTES + offset)
        self._file.readinto(buffer)

    def writeblocks(self, number: int, buffer: bytearray, offset: int = 0) -> None:
        """Write ``buffer`` into a block; unbuffered, so that it outlives the process."""
        self._file.seek(number * BLOCK_BYTES + offset)
        if self._writes_left is not None:
            self._writes_left -= 1
            if self._writes_left == 0:
                self._file.write(memoryview(buffer)[: len(buffer) // 2])
                tell("cut")
                end()
        self._file.write(buffer)

    def ioctl(self, operation: int, _: int) -> int:
        """Answer LittleFS: 4 = how many blocks, 5 = how large; all else (init, sync, erase) is done already."""
        return {4: self._blocks, 5: BLOCK_BYTES}.get(operation, 0)
