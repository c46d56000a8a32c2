"""ESP32's ``ntptime``, its server being the supervisor."""

import errno

import link
from simulated_time import EPOCH_S


def time() -> int:
    """Return whole seconds since 2000; raises OSError when the network does not answer."""
    unix_ms = link.call("ntp")
    if unix_ms is None:
        raise OSError(errno.ETIMEDOUT)
    return unix_ms // 1000 - EPOCH_S
