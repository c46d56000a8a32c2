"""Why an uplink failed, by what the next wake should do about it.

UplinkError
├── NoWifiError
├── UnreachableError
├── UntrustedError
├── RefusedError
└── ProtocolError
"""

# LittleFS's and newlib's ENOSPC, which MicroPython's errno does not name.
FLASH_IS_FULL = 28


class UplinkError(Exception):
    """The uplink failed; the event stays in the journal."""


class NoWifiError(UplinkError):
    """The access point did not let the board in, or is not there: try again later."""


class UnreachableError(UplinkError):
    """No connection, or it broke, or no answer came in time: try again later."""


class UntrustedError(UplinkError):
    """The broker's certificate was refused: another authority, another name, or not valid at this board's time."""


class RefusedError(UplinkError):
    """The broker does not want this thing: revoked, or not allowed what it asked for."""


class ProtocolError(UplinkError):
    """The broker's answer is not MQTT 3.1.1."""
