"""ESP32's ``network``: a station that the supervisor lets on or keeps off the air."""

import link

STA_IF = 0
MAC = b"\x02board"


STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
_NOWHERE = "0.0.0.0"  # noqa: S104 - an address that is none
# Of this start, by whichever WLAN was asked for it.
_station = {"is_on": False, "joins": False}


class WLAN:
    """The Wi-Fi station."""

    IF_STA = STA_IF

    def __init__(self, interface: int = STA_IF) -> None:
        self._interface = interface

    def active(self, on: bool | None = None) -> bool:  # noqa: FBT001 - ESP32's signature
        """Switch the radio on or off; return whether it is on."""
        if on is not None:
            _station.update({"is_on": bool(on), "joins": False})
            link.tell("radio", bool(on))
        return _station["is_on"]

    def connect(self, ssid: str = "", password: str = "", *, bssid: bytes | None = None) -> None:
        """Begin to join a network; raises OSError while the radio is off."""
        if not _station["is_on"]:
            raise OSError("Wifi Not Started")
        _station["joins"] = True
        link.tell("join", ssid, len(password or ""), bssid is not None)

    def disconnect(self) -> None:
        """Leave the network."""
        _station["joins"] = False

    def scan(self) -> list:
        """Return the networks on the air: (name, BSSID, channel, signal, security, hidden); an open one here."""
        strength = link.call("status", "rssi")
        return [] if strength is None else [(b"", b"\x02pillr", 6, strength, 0, False)]

    def config(self, *_what: str, **_options: int) -> bytes:
        """Return the station's own address for "mac", or say on which channel to look for the network first."""
        return MAC

    def ifconfig(self, lease: object = None) -> tuple | None:
        """Return address, netmask, gateway and name server, or use these; "dhcp" asks for them."""
        if lease is not None:
            return None
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1") if self.isconnected() else (_NOWHERE,) * 4

    def isconnected(self) -> bool:
        """Return whether the network was joined."""
        return _station["joins"] and link.call("joined")

    def status(self, what: str | None = None) -> int:
        """Return how joining goes; the signal strength in dBm for "rssi", which raises OSError off the air."""
        if what is not None:
            strength = link.call("status", what)
            if strength is None:
                raise OSError("Wifi Not Connected")
            return strength
        if not _station["joins"]:
            return STAT_IDLE
        return STAT_GOT_IP if self.isconnected() else STAT_CONNECTING
