"""Bring what waits to the cloud in one connection, and obey what the cloud wishes for."""

import gc
import json

from firmware import identity, signals, slots
from firmware.clock import timing, valid_from
from firmware.errors import NoWifiError, RefusedError, UnreachableError, UntrustedError, UplinkError
from firmware.link import Link
from firmware.power import PHASES, charge_mc, radio_spent
from firmware.version import RELEASED_MS
from firmware.wire import codec, topics
from firmware.wire.reports import DESIRED, EVENTS, HEARTBEAT, MAX_EVENTS

CERTIFICATE = "config/cert.der"
NTP_SERVER = "pool.ntp.org"

BATCH_BYTES = 7500  # of events in one message: 8 KB less its other fields
LEAST_BATCH_BYTES = 1000
# What is read of an event and dropped lies between what is kept of it; collected late, the holes are too small for
# the message: 48 waiting events then need twice an ESP32's heap.
EVENTS_PER_COLLECTION = 4
MOST_NEXT_S = 31622400  # of the wire contract


class Delivery:
    """One connection's worth of work; ``uplink(config, now_ms)`` makes an unconnected ``firmware.uplink.Uplink``."""

    def __init__(self, board, state, uplink):
        self._board = board
        self._state = state
        self._make_uplink = uplink
        self._link = Link(board, state)
        self._desired = None
        self._wish = None
        self._last = None
        self._perf = {}
        self._phase_began = 0

    def run(self, battery_mv):
        """Send events, and the heartbeat when it is due; whatever happens, events stay until the cloud has them.

        Returns how it went, as one of ``firmware.signals``.
        """
        rtc = self._state.rtc
        rtc["fails"] = rtc.get("fails", 0) + 1
        began = self._phase_began = self._board.uptime_ms()
        try:
            self._go_online(battery_mv, began)
        except UplinkError as error:
            self._board.log("not sent: %r" % error)
            return self._blame(error)
        except MemoryError as error:
            # The next wake tries half of it: a journal too long for the heap must not stay for ever.
            rtc["batch_bytes"] = max(LEAST_BATCH_BYTES, rtc.get("batch_bytes", BATCH_BYTES) // 2)
            self._board.log("not sent: %r" % error)
            return signals.CRASHED
        finally:
            self._board.radio_off()
            self._end_phase(len(self._perf))
            self._account(self._board.uptime_ms() - began)
            self._link.keep()
            self._apply_desired(battery_mv)
        return signals.SENT

    def _blame(self, error):
        if isinstance(error, UntrustedError):
            self._state.clock.doubt()
            self._state.rtc.pop("ip", None)  # somebody else may be there by now
            return signals.UNTRUSTED
        if isinstance(error, NoWifiError):
            return signals.NO_WIFI
        self._link.doubt()
        return signals.REFUSED if isinstance(error, RefusedError) else signals.UNREACHABLE

    def _account(self, on_ms):
        rtc, daily_ms = self._state.rtc, self._state.settings["radio_day_s"] * 1000
        rtc["radio"] = radio_spent(rtc.get("radio", 0), self._state.clock.mono(), on_ms, daily_ms)

    def _end_phase(self, phase):
        """Count the time since the last phase's end to ``phase``, by its place; return it."""
        began, self._phase_began = self._phase_began, self._board.uptime_ms()
        passed_ms = self._phase_began - began
        self._state.radio_ms[phase] += passed_ms
        return passed_ms

    def _go_online(self, battery_mv, began):
        self._link.join()
        self._check_clock()
        uplink = self._make_uplink(dict(self._state.config, host=self._link.address()), self._board.uptime_ms)
        self._perf["wifi_ms"] = self._end_phase(0)
        try:
            uplink.connect()
            self._perf["tls_ms"] = self._end_phase(1)
            self._exchange(uplink, battery_mv, began + self._state.settings["radio_budget_ms"])
        finally:
            uplink.disconnect()
        self._update(uplink, began + self._state.settings["radio_budget_ms"])

    def _update(self, uplink, until_ms):
        """Go on with the update that is wished for, unless the battery is too low for what it costs."""
        if self._wish is not None and not self._state.rtc.get("low"):
            gc.collect()
            # Loaded for an update only: it would be a tenth of what is on the heap.
            from firmware.update import Update  # noqa: PLC0415

            Update(self._board, self._state, self._wish, uplink.context, self._link.resolve).run(until_ms)

    def _check_clock(self):
        """Give TLS a date that certificates can be valid at; else ask NTP once a day, with the heartbeat."""
        state, clock = self._state, self._state.clock
        too_early = not clock.is_known() and self._board.clock_ms() < self._earliest_ms()
        if not (too_early or clock.is_doubted() or (clock.needs_sync() and state.heartbeat_is_due())):
            return
        unix_ms = self._network_time()
        if unix_ms is not None:
            clock.step(unix_ms, self._board.set_clock)
            clock.synced()
            state.rtc.pop("ip", None)  # as often: a broker may move
        elif too_early:
            clock.step(self._earliest_ms(), self._board.set_clock)
        # The clock has jumped: what takes the jump out again must not be lost by a restart.
        state.remember()

    def _network_time(self):
        """Return Unix milliseconds, None when nobody tells them in time."""
        try:
            return self._board.ask_ntp(self._link.resolve(NTP_SERVER))
        except UnreachableError as error:
            self._board.log("no time: %s" % error)
            return None

    def _earliest_ms(self):
        """Return a time that is past for certain."""
        with open(CERTIFICATE, "rb") as file:
            return max(RELEASED_MS, self._state.rtc["rev"], valid_from(file.read()))

    def _exchange(self, uplink, battery_mv, until_ms):
        uplink.set_callback(self._receive)
        uplink.subscribe(self._topic(topics.DESIRED))
        health = self._health(battery_mv)
        self._publish_journal(uplink, health, until_ms)
        if self._state.heartbeat_is_due():
            self._publish_heartbeat(uplink, health)
        # Acknowledged by the broker: what follows may fail without another try before the next natural wake.
        self._state.rtc["fails"] = 0
        if slots.prove(self._state.slot):
            self._board.log("version %s has proved itself" % self._state.version)
        uplink.listen(self._state.settings["ack_wait_ms"], self._has_heard_enough)
        if self._apply_desired(battery_mv):
            self._publish_heartbeat(uplink, health)

    def _publish_journal(self, uplink, health, until_ms):
        rtc, journal = self._state.rtc, self._state.journal
        most_bytes = rtc.get("batch_bytes", BATCH_BYTES)
        for install, boot, events in batches(journal.events(), self._on_the_wire, most_bytes):
            began = self._board.uptime_ms()
            lost = journal.lost + rtc.get("unkept", 0)
            message = {"install": install, "boot": boot, "lost": lost, "events": events}
            message["clk"] = self._state.clock.kind()
            message.update(health)
            if self._last is not None:
                message["after"] = self._last
            uplink.publish(self._topic(topics.EVENTS), codec.encode(EVENTS, message), qos=1)
            rtc["publish_ms"] = self._board.uptime_ms() - began
            self._board.log("published %d in %d ms" % (len(events), rtc["publish_ms"]))
            self._board.feed()
            self._last = {"install": install, "boot": boot, "seq": events[-1]["seq"]}
            if self._board.uptime_ms() > until_ms:
                break

    def _publish_heartbeat(self, uplink, health):
        state = self._state
        message = {"settings": state.settings, "refused": dict(state.refused)}
        if "refusal" in state.rtc:
            message["refused"]["update"] = state.rtc["refusal"]
        # Two heartbeats may go missing, and the sleep timer may be 5 % slow, before silence means something.
        message["next_s"] = min(state.settings["heartbeat_s"] * 5 // 2, MOST_NEXT_S)
        message["uptime_s"] = state.clock.mono() // 1000
        message["free_bytes"] = self._board.free_bytes()
        message.update(health)
        uplink.publish(self._topic(topics.HEARTBEAT), codec.encode(HEARTBEAT, message), qos=1)
        state.rtc["beat"] = state.clock.mono()

    def _health(self, battery_mv):
        perf, rtc = dict(self._perf), self._state.rtc
        perf["wake"] = identity.event_id(rtc["install"], rtc["boot"], rtc["wakes"])
        if "publish_ms" in rtc:
            perf["publish_ms"] = rtc["publish_ms"]
        # The first wake since the power came has none before it, and tells of itself.
        drawn = rtc.get("drawn") or charge_mc(self._board.uptime_ms(), self._state.radio_ms)
        perf["total_mc"] = rtc.get("total", 0)
        perf["charge_mc"] = sum(drawn)
        for place, phase in enumerate(PHASES):
            perf[phase + "_mc"] = drawn[place]
        health = {"fw": self._state.version, "perf": perf, "rssi": self._board.rssi()}
        if battery_mv is not None:
            health["batt_mv"] = battery_mv
        return health

    def _on_the_wire(self, event):
        wire = {
            "event_id": identity.event_id(event["install"], event["boot"], event["seq"]),
            "event_type": event["event_type"],
            "seq": event["seq"],
        }
        if "dur_ms" in event:
            wire["dur_ms"] = event["dur_ms"]
        wire.update(timing(event, self._state.clock, self._state.rtc))
        return wire

    def _topic(self, kind):
        return topics.topic(self._state.config["thing"], kind)

    def _receive(self, topic, payload):
        try:
            message = codec.decode(DESIRED, payload)
        except codec.WireError as error:
            self._board.log("ignored %s: %s" % (topic, error))
            return
        if message["rev"] >= self._state.rtc["rev"]:
            self._state.rtc["rev"] = message["rev"]
            self._desired = message

    def _has_heard_enough(self):
        """Return whether the cloud has all that was sent; where nothing was, whether it said anything."""
        if self._desired is None or self._last is None:
            return self._desired is not None
        ack, last = self._desired.get("ack"), self._last
        if ack is None or ack["install"] != last["install"]:
            return False
        return (ack["boot"], ack["seq"]) >= (last["boot"], last["seq"])

    def _apply_desired(self, battery_mv):
        """Obey the newest ``desired``, after all reading of the journal; return whether settings changed."""
        desired, self._desired = self._desired, None
        self._wish = desired and desired.get("update")
        if desired is None:
            return False
        ack = desired.get("ack")
        if ack is not None:
            self._state.forget_events(ack["install"], ack["boot"], ack["seq"])
        # The message is whole: settings that it does not name are wished for no longer.
        return self._state.adopt(desired.get("settings", {}), desired["rev"], battery_mv)


def batches(events, on_the_wire, most_bytes):
    """Yield ``(install, boot, wire events)``, oldest first, each of one power-on and at most ``most_bytes`` of JSON."""
    batch = []
    size = 0
    place = None
    for event in events:
        wire = on_the_wire(event)
        length = len(json.dumps(wire)) + 2
        here = (event["install"], event["boot"])
        if batch and (size + length > most_bytes or len(batch) == MAX_EVENTS or here != place):
            yield place[0], place[1], batch
            batch = []
            size = 0
        batch.append(wire)
        place = here
        size += length
        if len(batch) % EVENTS_PER_COLLECTION == 0:
            gc.collect()
    if batch:
        yield place[0], place[1], batch
