"""One wake: what moved is on flash before the radio starts, and leaves the flash when the cloud has it."""

import gc
import json
import os

from firmware import identity, settings
from firmware.clock import Clock, timing, valid_from
from firmware.door import CLOSE, OPEN, Debounce, due_still_open, movements, opposite
from firmware.errors import UnreachableError, UntrustedError, UplinkError
from firmware.journal import Journal
from firmware.power import allows_radio, battery, is_low
from firmware.wire import codec, topics
from firmware.wire.messages import DESIRED, EVENTS, HEARTBEAT, MAX_EVENTS

VERSION = "0.1.0"
# No clock of a board that runs this is right when it shows an earlier time.
RELEASED_MS = 1795219200000

STATE = "state"
IDENTITY = "state/identity"
JOURNAL = "state/journal"
SETTINGS = "state/settings"
CONFIG = "config/device.json"
CERTIFICATE = "config/cert.der"

BATCH_BYTES = 7500  # of events in one message: 8 KB less its other fields
# What is read of an event and dropped lies between what is kept of it; collected late, the holes are too small for
# the message: 48 waiting events then need twice an ESP32's heap.
EVENTS_PER_COLLECTION = 4
WIFI_MS = 15000
# No acknowledgement from the broker: a router that restarts is back after the first steps, and an empty house
# does not empty the battery on the last.
RETRY_S = (30, 120, 600, 1800, 7200)
# A door that never comes to rest must not keep the board awake; what it does next wakes the board again.
MOST_ROUNDS = 3


class Wake:
    """One wake of ``board``; ``uplink(config, now_ms)`` makes an unconnected ``firmware.uplink.Uplink``."""

    def __init__(self, board, uplink):
        self._board = board
        self._uplink = uplink
        _make_folder(STATE)
        self._state, self._cold = identity.restore(IDENTITY, board.recall(), board.random_bytes)
        self._clock = Clock(self._state, board.clock_ms)
        self._journal = Journal(JOURNAL)
        with open(CONFIG) as file:
            self._config = json.load(file)
        self._accepted, rev = settings.load(SETTINGS)
        self._state["rev"] = max(rev, self._state.get("rev", 0))
        self._settings = settings.defaults(self._config["ack_wait_ms"])
        self._settings.update(self._accepted)
        self._refused = {}
        self._desired = None
        self._last = None
        self._perf = {}
        self._battery_mv = None

    def run(self):
        """Look, report what waits, look again, sleep."""
        self._look()
        for _ in range(MOST_ROUNDS):
            self._report()
            if not self._look_again():
                break
        self._board.remember(identity.pack(self._state))
        sleep_ms = self._sleep_ms()
        self._board.log("sleep %d ms, door %s, %d waiting" % (sleep_ms, self._journal.door, self._journal.count))
        self._board.sleep(sleep_ms, self._journal.door == CLOSE)

    def _look(self):
        cause = self._board.wake_cause()
        self._board.log("wake by %s, boot %d" % (cause, self._state["boot"]))
        began = self._clock.mono() - self._board.uptime_ms()
        by_door = cause == "door"
        now = self._settle(opposite(self._journal.door) if by_door else self._journal.door, 0)
        self._board.watch_door()
        self._journal_movements(now, by_door, began if by_door else self._clock.mono(), self._cold)
        if self._cold:
            self._journal_event("boot", self._clock.mono())
        self._journal_still_open()
        self._journal_battery()

    def _look_again(self):
        moved = self._board.door_moved()
        uptime = self._board.uptime_ms()
        now = self._settle(self._journal.door, uptime if moved else uptime - self._settings["debounce_ms"])
        return self._journal_movements(now, moved, self._clock.mono(), unseen=None)

    def _settle(self, state, since_ms):
        """Return the door's state once it has held still; a wait already over (while booting) is not begun anew."""
        debounce = Debounce(self._settings["debounce_ms"], state, since_ms)
        while True:
            now = OPEN if self._board.is_open() else CLOSE
            if debounce.sample(now, self._board.uptime_ms()):
                return now
            self._board.pause_ms(1)

    def _journal_movements(self, now, moved, began, unseen):
        kinds = movements(self._journal.door, now, moved)
        for kind in kinds:
            # The first movement ended the sleep; a second one is over by now.
            self._journal_event(kind, began if kind is kinds[0] else self._clock.mono(), unseen)
        return bool(kinds)

    def _journal_event(self, kind, mono, unseen=None):
        """Put one event on flash; ``unseen`` = it happened before ``mono``, while power was off."""
        state = self._state
        event = {"install": state["install"], "boot": state["boot"], "event_type": kind, "mono": mono}
        wall = self._clock.wall(mono)
        if wall is not None:
            event["at"], event["at_err"] = wall
        if unseen:
            event["since"] = self._journal.door_at
        if kind in (OPEN, CLOSE):
            self._note_door(kind, mono, event)
        if kind == "still_open":
            event["dur_ms"] = mono - state["opened"]
        event["seq"] = identity.number_event(state, self._board.remember)
        self._journal.append(event)
        self._board.log("journaled %s %d" % (kind, event["seq"]))

    def _note_door(self, kind, mono, event):
        opened = self._state.pop("opened", None)
        if kind == OPEN:
            self._state["opened"] = mono
            self._state["still"] = 0
        elif opened is not None:
            event["dur_ms"] = max(0, mono - opened)

    def _journal_still_open(self):
        opened = self._state.get("opened")
        now = self._clock.mono()
        if opened is not None and due_still_open(now - opened, self._state["still"], self._settings["still_open_s"]):
            self._state["still"] += 1
            self._journal_event("still_open", now)

    def _journal_battery(self):
        self._battery_mv = battery(self._board.battery_mv())
        was_low = self._state.get("low", False)
        self._state["low"] = is_low(self._battery_mv, was_low, self._settings["battery_low_mv"])
        if self._state["low"] and not was_low:
            self._journal_event("low_battery", self._clock.mono())

    def _report(self):
        """Send what waits; whatever happens, it waits on flash until the cloud says that it has it."""
        if not self._journal.count and not self._beat_is_due():
            return
        if not allows_radio(self._battery_mv, self._settings["battery_cutoff_mv"]):
            self._board.log("battery at %d mV: no radio" % self._battery_mv)
            return
        try:
            self._go_online()
        except UplinkError as error:
            self._board.log("not sent: %r" % error)
            if isinstance(error, UntrustedError):
                self._clock.distrust()
        except MemoryError as error:
            # The next wake tries half of it: a journal too long for the heap must not stay for ever.
            self._state["batch_bytes"] = max(1000, self._state.get("batch_bytes", BATCH_BYTES) // 2)
            self._board.log("not sent: %r" % error)
        finally:
            self._board.radio_off()
            self._apply_desired()

    def _go_online(self):
        self._state["fails"] = self._state.get("fails", 0) + 1
        began = self._board.uptime_ms()
        self._join()
        joined = self._board.uptime_ms()
        uplink = self._uplink(self._config, self._board.uptime_ms)
        try:
            uplink.connect()
            self._perf = {"wifi_ms": joined - began, "tls_ms": self._board.uptime_ms() - joined}
            self._exchange(uplink, began)
        finally:
            uplink.disconnect()

    def _join(self):
        wifi = self._config.get("wifi", {})
        if not self._board.join(wifi.get("ssid", ""), wifi.get("password", ""), WIFI_MS):
            raise UnreachableError("expected Wi-Fi %r within %d ms, got none" % (wifi.get("ssid"), WIFI_MS))
        if self._clock.needs_sync() and (not self._clock.is_known() or not self._journal.count):
            self._set_clock()

    def _set_clock(self):
        unix_ms = self._board.ask_ntp()
        if unix_ms is not None:
            self._clock.step(unix_ms, self._board.set_clock)
            self._clock.synced()
        elif not self._clock.is_known():
            # Better a date that is too early than the year 2000: TLS refuses certificates that are not valid yet.
            with open(CERTIFICATE, "rb") as file:
                floor = max(RELEASED_MS, self._state["rev"], valid_from(file.read()))
            if self._board.clock_ms() < floor:
                self._clock.step(floor, self._board.set_clock)

    def _exchange(self, uplink, began):
        uplink.set_callback(self._receive)
        uplink.subscribe(topics.topic(self._config["thing"], topics.DESIRED))
        self._publish_journal(uplink, began + self._settings["radio_budget_ms"])
        if self._beat_is_due():
            self._publish_heartbeat(uplink)
        # Acknowledged by the broker: what follows may fail without another try before the next natural wake.
        self._state["fails"] = 0
        uplink.listen(self._settings["ack_wait_ms"], self._is_acknowledged)
        if self._apply_desired():
            self._publish_heartbeat(uplink)

    def _publish_journal(self, uplink, until_ms):
        topic = topics.topic(self._config["thing"], topics.EVENTS)
        most_bytes = self._state.get("batch_bytes", BATCH_BYTES)
        for install, boot, events in batches(self._journal.events(), self._on_the_wire, most_bytes):
            began = self._board.uptime_ms()
            uplink.publish(topic, codec.encode(EVENTS, self._events_message(install, boot, events)), qos=1)
            self._state["publish_ms"] = self._board.uptime_ms() - began
            self._board.log("published %d in %d ms" % (len(events), self._state["publish_ms"]))
            self._board.feed()
            self._last = {"install": install, "boot": boot, "seq": events[-1]["seq"]}
            if self._board.uptime_ms() > until_ms:
                break

    def _events_message(self, install, boot, events):
        message = self._health()
        message["install"] = install
        message["boot"] = boot
        message["clk"] = self._clock.kind()
        message["lost"] = self._journal.lost
        message["events"] = events
        if self._last is not None:
            message["after"] = self._last
        return message

    def _health(self):
        perf = dict(self._perf)
        if "publish_ms" in self._state:
            perf["publish_ms"] = self._state["publish_ms"]
        health = {"fw": VERSION, "perf": perf, "rssi": self._board.rssi()}
        if self._battery_mv is not None:
            health["batt_mv"] = self._battery_mv
        return health

    def _on_the_wire(self, event):
        wire = {
            "event_id": identity.event_id(event["install"], event["boot"], event["seq"]),
            "event_type": event["event_type"],
            "seq": event["seq"],
        }
        if "dur_ms" in event:
            wire["dur_ms"] = event["dur_ms"]
        wire.update(timing(event, self._clock, self._state))
        return wire

    def _publish_heartbeat(self, uplink):
        message = self._health()
        # Two heartbeats may go missing, and the sleep timer may be 5 % slow, before silence means something.
        message["next_s"] = min(self._settings["heartbeat_s"] * 5 // 2, 31622400)
        message["uptime_s"] = self._clock.mono() // 1000
        message["free_bytes"] = self._board.free_bytes()
        message["settings"] = self._settings
        message["refused"] = self._refused
        uplink.publish(topics.topic(self._config["thing"], topics.HEARTBEAT), codec.encode(HEARTBEAT, message), qos=1)
        self._state["beat"] = self._clock.mono()

    def _beat_is_due(self):
        period_ms = self._settings["heartbeat_s"] * 1000
        # The timer may be 5 % fast: a wake that was meant for the heartbeat must not find it not yet due.
        return "beat" not in self._state or self._clock.mono() - self._state["beat"] >= period_ms * 9 // 10

    def _receive(self, topic, payload):
        try:
            message = codec.decode(DESIRED, payload)
        except codec.WireError as error:
            self._board.log("ignored %s: %s" % (topic, error))
            return
        if message["rev"] >= self._state["rev"]:
            self._state["rev"] = message["rev"]
            self._desired = message

    def _is_acknowledged(self):
        ack = self._desired.get("ack") if self._desired is not None else None
        if self._last is None or ack is None or ack["install"] != self._last["install"]:
            return False
        return (ack["boot"], ack["seq"]) >= (self._last["boot"], self._last["seq"])

    def _apply_desired(self):
        """Obey the newest ``desired``, after all reading of the journal; return whether settings changed."""
        desired, self._desired = self._desired, None
        if desired is None:
            return False
        ack = desired.get("ack")
        if ack is not None:
            number = self._journal.acknowledge(ack["install"], ack["boot"], ack["seq"])
            self._board.log("acknowledged %d" % number)
        # The message is whole: settings that it does not name are wished for no longer.
        return self._adopt(desired.get("settings", {}), desired["rev"])

    def _adopt(self, wanted, rev):
        accepted, refused = settings.sift(wanted)
        if accepted == self._accepted and refused == self._refused:
            return False
        self._accepted, self._refused = accepted, refused
        settings.save(SETTINGS, accepted, rev)
        self._settings = settings.defaults(self._config["ack_wait_ms"])
        self._settings.update(accepted)
        return True

    def _sleep_ms(self):
        now = self._clock.mono()
        times = [self._state.get("beat", now) + self._settings["heartbeat_s"] * 1000 - now]
        fails = self._state.get("fails", 0)
        if fails:
            times.append(RETRY_S[min(fails, len(RETRY_S)) - 1] * 1000)
        still_open = self._settings["still_open_s"]
        if "opened" in self._state and self._state["still"] < len(still_open):
            times.append(self._state["opened"] + still_open[self._state["still"]] * 1000 - now)
        return max(1000, min(times))


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


def _make_folder(path):
    try:
        os.mkdir(path)
    except OSError:
        os.stat(path)  # whatever else was wrong, it must be there now
