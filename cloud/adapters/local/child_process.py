"""Children that do not outlive this process, not even when it is killed."""

import ctypes
import signal
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # prctl(2); the signal is sent when the *thread* that forked ends


def die_with_parent() -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that lets the kernel kill the child with its parent; None where that is not known."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except AttributeError:  # not Linux
        return None

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask_the_kernel
