"""Start of the processor on MicroPython: arguments are the link's fd and the supervisor's process id."""

import gc
import sys

import chip
import esp32_socket
import ffi
import vfs
from flash import FailingFlashFile, FlashFile
from link import open_link, wake
from simulated_time import SimulatedTime

PR_SET_PDEATHSIG = 1
SIGKILL = 9
# Built in or frozen on every chip: loaded before the flash takes the place of the host's files.
BUILT_IN = ("network", "ntptime", "umqtt.simple")


def die_with(parent: int) -> None:
    """Let the kernel end this process with its supervisor; end at once when that is gone already."""
    libc = ffi.open(None)
    libc.func("i", "prctl", "iLLLL")(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if libc.func("i", "getppid", "")() != parent:
        sys.exit("the supervisor is gone")


def main() -> None:
    """Make this interpreter look like a board and run its main.py."""
    fd, supervisor = sys.argv[1:]
    die_with(int(supervisor))
    open_link(open(int(fd), "r+b"))
    if wake["has_port"]:
        __import__("asyncio.core")  # its queue of tasks, which is written in C, counts by the host's ticks
    sys.modules["time"] = SimulatedTime(wake["offset_ms"], wake["uptime_ms"], chip.epoch_s())
    # Built-in modules go by two names; umqtt.simple 1.3.4 asks for the older one.
    sys.modules["socket"] = sys.modules["usocket"] = esp32_socket
    sys.path.append(wake["umqtt"])
    for name in chip.built_in() + BUILT_IN:
        __import__(name)
    if wake["has_port"]:
        from repl import Repl, install  # noqa: PLC0415 - while the host's files are there
    cut_at = wake["cut_at_write"]
    flash = FlashFile(wake["flash"]) if cut_at is None else FailingFlashFile(wake["flash"], cut_at)
    vfs.umount("/")
    # Each read is a call into Python here: larger ones are to this board what a fast chip is to a real one.
    vfs.mount(vfs.VfsLfs2(flash, readsize=256), "/")
    sys.path[:] = ["", ".frozen", "/lib"]
    gc.collect()
    wake["heap_bytes"] = gc.mem_alloc()
    if wake["has_port"]:
        install()
        Repl().run(wake["prompt"])
    with open("main.py") as file:
        source = file.read()
    exec(source, {"__name__": "__main__"})


main()
