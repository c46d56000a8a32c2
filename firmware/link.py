"""The way to the broker: Wi-Fi by what is remembered of it, then the broker's address, each within its time."""

from firmware.errors import NoWifiError, UnreachableError

WIFI_MS = 15000
KNOWN_WIFI_MS = 4000
DNS_MS = 4000
# Home routers lease for a day, public ones for an hour; an address used past its lease may be another's by now.
LEASE_MS = 3600000
_PLACE = 2  # of a known network: BSSID and channel; its lease follows
_NAME_SERVER = 5


class Link:
    """Wi-Fi and the broker's address. In RTC memory: wifi (as of ``Board.join``), leased (``mono``), ip (broker's)."""

    def __init__(self, board, state):
        self._board = board
        self._state = state
        self._rtc = state.rtc

    def join(self):
        """Join Wi-Fi, first as the last time, then from the beginning; raises NoWifiError."""
        wifi = self._state.config.get("wifi", {})
        name = (wifi.get("ssid", ""), wifi.get("password", ""))
        found, known = None, self._known()
        if known is not None:
            found = self._board.join(name[0], name[1], known, KNOWN_WIFI_MS)
            if found is None:
                self._board.radio_off()
        if found is None:
            known = None
            found = self._board.join(name[0], name[1], None, WIFI_MS)
        if found is None:
            raise NoWifiError("expected Wi-Fi %r within %d ms, got none" % (name[0], WIFI_MS))
        if known is None or len(known) == _PLACE:
            self._rtc["leased"] = self._state.clock.mono()
        self._rtc["wifi"] = found

    def address(self):
        """Return the broker's address, or its name where only the network stack can tell; raises UnreachableError."""
        if "ip" not in self._rtc:
            self._rtc["ip"] = self.resolve(self._state.config["host"])
        return self._rtc["ip"]

    def resolve(self, host):
        """Return the address of ``host``, as does ``address`` that of the broker."""
        if not is_for_name_server(host):
            return host
        server = self._rtc["wifi"][_NAME_SERVER]
        try:
            return self._board.look_up(host, server, DNS_MS)
        except OSError as error:
            raise UnreachableError("expected %s to tell the address of %s, got %r" % (server, host, error))

    def doubt(self):
        """Forget what may be why the broker was not reached: lease and address, not where the network is."""
        if "wifi" in self._rtc:
            self._rtc["wifi"] = self._rtc["wifi"][:_PLACE]
        self._rtc.pop("ip", None)

    def _known(self):
        """Return what to join by; not what failed the last time, and no lease that may have run out."""
        known = self._rtc.pop("wifi", None)
        if known is not None and self._state.clock.mono() - self._rtc.get("leased", 0) > LEASE_MS:
            self._rtc.pop("ip", None)
            return known[:_PLACE]
        return known


def is_for_name_server(host):
    """Return whether ``host`` is a name for a name server: neither digits nor the ".local" of multicast DNS."""
    return not host.replace(".", "").isdigit() and "." in host and not host.endswith(".local")
