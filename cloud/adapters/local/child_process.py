"""Children that do not outlive this process, not even when it is killed."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # prctl(2); the signal is sent when the *thread* that forked ends


def start_module(module: str, descriptor: int, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a module of ours in a process that inherits a file descriptor, its first argument; raises OSError."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", module, str(descriptor), *arguments],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that lets the kernel signal the child when its parent dies; None where it cannot."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except AttributeError:  # not Linux
        return None

    parent = os.getpid()

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask_the_kernel
