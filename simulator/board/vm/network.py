"""ESP32's ``network``: a station that the supervisor lets on or keeps off the air."""

import link

STA_IF = 0
MAC = b"\x02board"


class WLAN:
    """The Wi-Fi station."""

    def __init__(self, interface: int) -> None:
        self._interface = interface

    def active(self, on: bool) -> None:  # noqa: FBT001 - ESP32's signature
        """Switch the radio on or off."""
        link.tell("radio", on)

    def connect(self, ssid: str, password: str, *, bssid: bytes | None = None) -> None:
        """Begin to join a network."""
        link.tell("join", ssid, len(password), bssid is not None)

    def scan(self) -> list:
        """Return the networks on the air: (name, BSSID, channel, signal, security, hidden); an open one here."""
        strength = link.call("status", "rssi")
        return [] if strength is None else [(b"", b"\x02pillr", 6, strength, 0, False)]

    def config(self, *_what: str, **_options: int) -> bytes:
        """Return the station's own address for "mac", or say on which channel to look for the network first."""
        return MAC

    def ifconfig(self, lease: object = None) -> tuple | None:
        """Return address, netmask, gateway and name server, or use these; "dhcp" asks for them."""
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1") if lease is None else None

    def isconnected(self) -> bool:
        """Return whether the network was joined."""
        return link.call("joined")

    def status(self, what: str) -> int:
        """Return the signal strength in dBm for "rssi"; raises OSError off the air."""
        strength = link.call("status", what)
        if strength is None:
            raise OSError("Wifi Not Connected")
        return strength
