"""ESP32's ``network``: a station that the supervisor lets on or keeps off the air."""

import link

STA_IF = 0


class WLAN:
    """The Wi-Fi station."""

    def __init__(self, interface: int) -> None:
        self._interface = interface

    def active(self, on: bool) -> None:  # noqa: FBT001 - ESP32's signature
        """Switch the radio on or off."""
        link.tell("radio", on)

    def connect(self, ssid: str, password: str) -> None:
        """Begin to join a network."""
        link.tell("join", ssid, len(password))

    def isconnected(self) -> bool:
        """Return whether the network was joined."""
        return link.call("joined")

    def status(self, what: str) -> int:
        """Return the signal strength in dBm for "rssi"."""
        return link.call("status", what)
