"""The chip's ``ntptime``, its server being the supervisor."""

import errno

import chip
import link


def time() -> int:
    """Return whole seconds since the chip's epoch; raises OSError when the network does not answer."""
    unix_ms = link.call("ntp")
    if unix_ms is None:
        raise OSError(errno.ETIMEDOUT)
    return unix_ms // 1000 - chip.epoch_s()
