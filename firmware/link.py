"""The way to the broker: Wi-Fi by what is remembered of it, then the broker's address, each within its time."""

from firmware.errors import NoWifiError, UnreachableError

WIFI_MS = 15000
KNOWN_WIFI_MS = 4000
DNS_MS = 4000
# For so long an address is used of which no server says for how long it may: public ones lease for an hour.
LEASE_MS = 3600000
_PLACE = 2  # of a known network: BSSID and channel; its lease follows
_NAME_SERVER = 5


class Link:
    """Wi-Fi and the broker's address.

    In RTC memory: wifi (as of ``Board.join``), lease (since which ``mono`` it should be renewed, when it ends), ip
    (broker's). On flash, for the next power-on: wifi, once the router has said that it answers for its addresses.
    """

    def __init__(self, board, state):
        self._board = board
        self._state = state
        self._rtc = state.rtc
        wifi = state.config.get("wifi", {})
        self._ssid, self._password = wifi.get("ssid", ""), wifi.get("password", "")
        self._confirmed = None

    def join(self):
        """Join Wi-Fi, first as the last time, then by DHCP, then from the beginning; raises NoWifiError."""
        known = self._known()
        found = self._join(known, KNOWN_WIFI_MS) if known else None
        if found and len(known) > _PLACE and not self._may_keep(found):
            self._board.radio_off()
            known = known[:_PLACE]
            found = self._join(known, KNOWN_WIFI_MS)
        if found is None:
            known = None
            found = self._join(None, WIFI_MS)
        if found is None:
            raise NoWifiError("expected Wi-Fi %r within %d ms, got none" % (self._ssid, WIFI_MS))
        if known is None or len(known) == _PLACE:
            # The network stack keeps the lease to itself: the next wake asks for it.
            now, lease = self._state.clock.mono(), self._lease()
            self._rtc["lease"] = [lease[0] if lease[0] > lease[1] else now, now + LEASE_MS]
            self._rtc.pop("ip", None)
        self._rtc["wifi"] = found

    def address(self):
        """Return the broker's address; raises UnreachableError."""
        if "ip" not in self._rtc:
            self._rtc["ip"] = self.resolve(self._state.config["host"])
        return self._rtc["ip"]

    def resolve(self, host):
        """Return the address of ``host``, as does ``address`` that of the broker."""
        if host.replace(".", "").isdigit() or host == "localhost":
            return host
        # Of the home's own names each is told by whom it names (RFC 6762).
        server = None if host.endswith(".local") else self._rtc["wifi"][_NAME_SERVER]
        try:
            return self._board.look_up(host, server, DNS_MS)
        except OSError as error:
            raise UnreachableError("expected %s's address from %s, got %r" % (host, server or "itself", error))

    def doubt(self):
        """Forget what may be why the broker was not reached: lease and address, not where the network is."""
        if "wifi" in self._rtc:
            self._rtc["wifi"] = self._rtc["wifi"][:_PLACE]
        self._rtc.pop("ip", None)

    def keep(self):
        """Put on flash what the next power-on may join by; only after the router has told of it by itself."""
        if self._confirmed is not None:
            self._state.keep_network(self._ssid, self._confirmed)

    def _known(self):
        """Return what to join by; not what failed the last time, and no lease that has run out before its renewal."""
        known = self._rtc.pop("wifi", None)
        if known is None and self._state.is_cold:
            return self._state.network(self._ssid)
        lease = self._lease()
        if known is not None and lease[1] <= self._state.clock.mono() < lease[0]:
            return known[:_PLACE]
        return known

    def _join(self, known, timeout_ms):
        found = self._board.join(self._ssid, self._password, known, timeout_ms)
        if found is None and known is not None:
            self._board.radio_off()
        return found

    def _may_keep(self, found):
        """Return whether the address found may be used, which its server is asked when half of the lease is over."""
        now, (renewal, end) = self._state.clock.mono(), self._lease()
        if now < renewal:
            return True
        # Loaded once or twice a day only: it is larger than this file.
        from firmware.lease import prolonged  # noqa: PLC0415

        lease = self._rtc["lease"] = prolonged(self._board, self._rtc, found[_PLACE], now)
        may_keep = now < lease[1]
        if may_keep and lease[1] != end:
            self._confirmed = found
        return may_keep

    def _lease(self):
        return self._rtc.get("lease", (0, 0))
