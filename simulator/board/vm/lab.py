"""A board of which only flash, RTC memory, clock and door are simulated: a thousand wakes in one interpreter.

Arguments are the folders to import from. Each line of standard input is one order, each line of output that begins
with "=" its answer. A wake runs the firmware's own ``Wake`` over a real TLS connection. Time that the firmware spends
waiting for nothing passes at once; a power cut ends the wake in the middle of a block operation, after which nothing
reaches flash or RTC memory any more, although Python unwinds its stack.
"""

import binascii
import gc
import json
import os
import sys
import time

sys.path[:0] = sys.argv[1:]
# ESP32's sockets, their round trips and waits on a meter.
sys.modules["socket"] = sys.modules["usocket"] = sys.modules["select"] = __import__("lab_meter")

import vfs  # noqa: E402 - what follows imports the sockets just chosen
from lab_board import FLASH, START_MS, Asleep, Board, Context  # noqa: E402
from lab_chip import BLOCK_BYTES, Chip, Cut  # noqa: E402
from lab_meter import AIR, METER  # noqa: E402

from firmware import chooser, safety  # noqa: E402
from firmware.main import Wake  # noqa: E402
from firmware.uplink import Uplink as PlainUplink  # noqa: E402
from firmware.uplink import trust  # noqa: E402
from firmware.version import VERSION  # noqa: E402

# Since and until when a certificate is valid, in Unix ms.
ALWAYS = (0, 1 << 60)


class BadFirmwareError(Exception):
    """A firmware that cannot be loaded; the argument is for how long the chooser sleeps over it, in ms."""


class Uplink(PlainUplink):
    """An uplink whose log-in belongs to the handshake, and what follows to the publish."""

    def connect(self):
        """Log in."""
        METER.enter("tls")
        super().connect()
        METER.enter("publish")

    def publish(self, topic, msg, retain=False, qos=0):  # noqa: FBT002 - umqtt's signature
        """Send one message; note in how many records."""
        before = METER.writes
        super().publish(topic, msg, retain, qos)
        METER.records.append(METER.writes - before)


class Lab:
    """Obeys orders, each a method."""

    def __init__(self):
        self._board = Board()
        self._files = {}
        self._valid = ALWAYS
        self._answer_ms = 100
        self._saved = None
        self._volumes = []

    def format(self, order):
        """Make a new flash of so many blocks with these files, in a board that never had power."""
        METER.costs = None
        self._valid = ALWAYS
        if self._board.chip is not None:
            self._board.chip.retire()
        self._board = Board()
        # Closes what cuts have left open, after which no volume of the former board is needed any more.
        gc.collect()
        self._volumes.clear()
        gc.collect()
        self._board.chip = Chip(b"\xff" * (order["blocks"] * BLOCK_BYTES))
        self._answer_ms = order["answer_ms"]
        vfs.VfsLfs2.mkfs(self._board.chip)
        self._mount()
        self._files = {path: binascii.unhexlify(content) for path, content in order["files"].items()}
        self._write_files()

    def measure(self, order):
        """Let time pass by these costs alone from now on, by the clock of the host no more."""
        METER.costs = order["costs"]
        METER.now_ms = START_MS
        self._board.jumps = 0

    def reflash(self, _):
        """Format the flash and write the same files, as a person with a cable does."""
        size = len(self._board.chip.memory)
        self._board.chip.retire()
        gc.collect()
        chip = Chip(b"\xff" * size)
        vfs.VfsLfs2.mkfs(chip)
        self._board.chip = chip
        self._board.rtc = b""
        self._mount()
        self._write_files()

    def set(self, order):
        """Change the hardware: attributes of the board, and since and until when the broker's certificate is valid."""
        self._valid = order.pop("valid", self._valid)
        if "clock" in order:
            self._board.jumps += order.pop("clock") - self._board.now()
        if "rtc" in order:
            self._board.rtc = binascii.unhexlify(order.pop("rtc"))
        for name, value in order.items():
            setattr(self._board, name, value)

    def write(self, order):
        """Put a file onto the flash."""
        with open(order["path"], "wb") as file:
            file.write(binascii.unhexlify(order["content"]))

    def read(self, order):
        """Answer with a file of the flash."""
        try:
            with open(order["path"], "rb") as file:
                return {"content": binascii.hexlify(file.read()).decode()}
        except OSError:
            return {}

    def save(self, _):
        """Remember flash, RTC memory and clock."""
        board = self._board
        self._saved = (bytes(board.chip.memory), board.rtc, board.jumps, board.is_high)

    def load(self, _):
        """Go back to what was remembered."""
        board = self._board
        memory, board.rtc, board.jumps, board.is_high = self._saved
        board.chip.retire()
        board.chip = Chip(memory)
        self._mount()

    def fill(self, order):
        """Fill the flash to its last block, then give so many back."""
        os.mkdir("filler")
        number = 0
        while _is_written("filler/" + str(number), BLOCK_BYTES - 1):
            number += 1
        for last in range(number - order["free"], number):
            os.remove("filler/" + str(last))

    def empty(self, _):
        """Take all that filled the flash away."""
        for name in os.listdir("filler"):
            os.remove("filler/" + name)
        os.rmdir("filler")

    def wake(self, order):
        """Let time pass asleep, then run one wake; answer how it ended."""
        board = self._board
        board.jumps += order["after_ms"]
        board.began = board.now()
        board.cause = order["cause"]
        board.lines = []
        board.joins = 0
        METER.begin()
        AIR.uses_left, board.air = board.air, -1
        AIR.pause_ms = board.pause_ms
        chip = board.chip
        chip.changes = 0
        chip.cut_at, chip.torn = order["cut_at"], board.torn
        outcome = self._run()
        if chip.is_dead:
            outcome = {"end": "cut"}
            board.rtc = b""
            board.jumps = START_MS - time.ticks_ms()
            board.chip = Chip(chip.memory)
            chip.retire()
            self._mount()
        chip.cut_at = 0
        outcome.update({"changes": chip.changes, "lines": board.lines, "joins": board.joins, "clock": board.now()})
        outcome["drawn_uc"] = METER.drawn()
        outcome["records"] = METER.records
        outcome["is_air_gone"] = AIR.is_gone()
        outcome["awake_ms"] = board.uptime_ms()
        outcome["rtc"] = binascii.hexlify(board.rtc).decode()
        return outcome

    def _run(self):
        try:
            self._boot()
        except Asleep as asleep:
            return {"end": "sleep", "sleep_ms": asleep.args[0], "listens_for": asleep.args[1]}
        except Cut:
            pass  # what follows from it is the caller's
        except BadFirmwareError as error:
            return {"end": "crash", "sleep_ms": error.args[0]}
        except Exception as error:  # noqa: BLE001 - whichever it is, is the answer
            if not self._board.chip.is_dead:  # else it is what the cut looks like from where it fell
                sys.print_exception(error, sys.stderr)
        return {"end": "crash"}

    def _boot(self):
        """Start the slot that the firmware's chooser names; of what lies there only the version and a fault count.

        The program is always the one of this folder: ``version.py`` of the slot says which it plays, and an empty
        file ``crash.py`` that it fails before it can do anything.
        """
        slot, is_trial = chooser.choose()
        with open(slot + "/firmware/version.py") as file:
            version = file.read().strip()
        self._board.log("slot " + slot + " version " + version)
        if "crash.py" in os.listdir(slot + "/firmware"):
            raise BadFirmwareError(chooser.TRIAL_SLEEP_MS if is_trial else chooser.CRASH_SLEEP_MS)
        if safety.is_safe_mode(safety.begin(self._board.recall(), self._board.remember)):
            self._board.sleep(safety.SAFE_SLEEP_MS, None)
        Wake(self._board, self._uplink_to, slot, version=version).run()

    def _uplink_to(self, config, now_ms):
        context = trust(self._read("ca.der"), self._read("cert.der"), self._read("key.der"))
        return Uplink(config, Context(context, self._board, self._valid), now_ms, self._answer_ms)

    def _read(self, name):
        return self._files["config/" + name]

    def _write_files(self):
        for folder in ("config", "a", "a/firmware"):
            os.mkdir(folder)
        with open("slot", "w") as file:
            file.write("a")
        with open("a/firmware/version.py", "w") as file:
            file.write(VERSION)
        for path, content in self._files.items():
            with open(path, "wb") as file:
                file.write(content)

    def _mount(self):
        if len(vfs.mount()) > 1:
            vfs.umount(FLASH)
        volume = vfs.VfsLfs2(self._board.chip, readsize=256)
        vfs.mount(volume, FLASH)
        # Files that a cut left open are closed by the garbage collector, on their own volume: it must still be there.
        self._volumes.append(volume)
        os.chdir(FLASH)


def _is_written(path, size):
    """Return whether a file of so many bytes found room."""
    try:
        with open(path, "wb") as file:
            file.write(b"x" * size)
    except OSError:
        return False
    return True


def main():
    """Obey standard input to its end."""
    lab = Lab()
    # Garbage, of which files are that nobody closed, is collected between two orders and where the firmware says so:
    # never within LittleFS, whose list of open files changes by it. A real chip allocates nothing there.
    gc.disable()
    for line in sys.stdin:
        gc.collect()
        order = json.loads(line)
        # Marked, since MicroPython itself prints what a file says that a power cut left open.
        print("=" + json.dumps(getattr(lab, order.pop("do"))(order)))  # noqa: T201 - the answer


main()
