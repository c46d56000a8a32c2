"""Start of the processor on CPython: arguments are the link's fd and the supervisor's process id."""

import binascii
import ctypes
import os
import signal
import struct
import sys

import chip
import host_socket
import host_tls
import link
import simulated_time

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Let the kernel end this process with its supervisor; end at once when that is gone already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")


def main() -> None:
    """Make this Python look like a board and run its main.py."""
    fd, supervisor = sys.argv[1:]
    die_with(int(supervisor))
    link.open_link(open(int(fd), "r+b", buffering=0))
    sys.modules["time"] = simulated_time.SimulatedTime(link.wake["offset_ms"], link.wake["uptime_ms"], chip.epoch_s())
    chip.built_in()
    # MicroPython finds its built-in modules by these names too; umqtt.simple 1.3.4 asks for them.
    sys.modules.update({"tls": host_tls, "ustruct": struct, "ubinascii": binascii})
    sys.modules["socket"] = sys.modules["usocket"] = host_socket
    sys.path.append(link.wake["umqtt"])
    os.chdir(link.wake["flash"])
    with open("main.py") as file:
        source = file.read()
    exec(source, {"__name__": "__main__"})


main()
