"""What outlives a wake: identity, journal, settings and configuration on flash, the rest in RTC memory."""

import json
import os

from firmware import identity, settings, slots
from firmware.clock import Clock, has_jumped
from firmware.errors import FLASH_IS_FULL
from firmware.journal import Journal

FOLDER = "state"
IDENTITY = "state/identity"
JOURNAL = "state/journal"
SETTINGS = "state/settings"
NETWORK = "state/network"
CONFIG = "config/device.json"


class State:
    """All of it, opened at the start of a wake.

    ``rtc`` is the dictionary that RTC memory keeps through deep sleep: install, boot, seq, rev, bad, and where they
    apply stepped, synced, doubted, slept (clock), looked, opened, still, busy, storm, deaf (door), low, radio, drawn,
    total, wakes (battery), beat, fails, batch_bytes, publish_ms (uplink), wifi, lease, mute, ip (link), unkept (events
    that a full flash did not take), again, refusal, more, installed (update). Times in it are ``clock.mono``.
    """

    def __init__(self, board, slot, version):
        self._board = board
        self.slot = slot
        self.version = version
        _make_folder(FOLDER)
        block = board.recall()
        if has_jumped(identity.unpack(block), board.clock_ms(), board.uptime_ms()):
            # No age can be told across the jump: as after a loss of power, what was written down is all there is.
            board.log("the clock has jumped to %d" % board.clock_ms())
            block = b""
        self.rtc, self.is_cold = identity.restore(IDENTITY, block, board.random_bytes)
        self.clock = Clock(self.rtc, board.clock_ms)
        self.journal = Journal(JOURNAL)
        with open(CONFIG) as file:
            self.config = json.load(file)
        self._accepted, self.refused, rev = settings.load(SETTINGS)
        self.rtc["rev"] = max(rev, self.rtc.get("rev", 0))
        self._use_settings()
        self.radio_ms = [0, 0, 0]  # of this wake, by ``power.PHASES`` after the first

    def remember(self):
        """Put ``rtc`` into RTC memory."""
        self._board.remember(identity.pack(self.rtc))

    def keep_event(self, kind, mono, about):
        """Number the event, add what else is known of its time, and put it on flash."""
        event = {"install": self.rtc["install"], "boot": self.rtc["boot"], "event_type": kind, "mono": mono}
        event.update(about)
        wall = self.clock.wall(mono)
        if wall is not None:
            event["at"], event["at_err"] = wall
        event["seq"] = identity.number_event(self.rtc, self._board.remember)
        try:
            self.journal.append(event)
        except OSError as error:
            # Its number stays used, so that the cloud sees the gap.
            self._must_be_full(error)
            self.rtc["unkept"] = self.rtc.get("unkept", 0) + 1
            self._board.log("lost %s %d: the flash is full" % (kind, event["seq"]))
        else:
            name = identity.event_id(event["install"], event["boot"], event["seq"])
            self._board.log("journaled %s %s" % (kind, name))

    def forget_events(self, install, boot, seq):
        """Let the journal forget what the cloud has; where a full flash has no room for that, at a later wake."""
        try:
            self._board.log("acknowledged %d" % self.journal.acknowledge(install, boot, seq))
        except OSError as error:
            self._must_be_full(error)
            self._board.log("kept what is acknowledged: the flash is full")

    def adopt(self, wanted, rev, batt_mv):
        """Use and save the settings that the cloud wishes for; return whether that changed anything."""
        accepted, refused = settings.sift(wanted, batt_mv)
        if accepted == self._accepted and refused == self.refused:
            return False
        self._accepted, self.refused = accepted, refused
        self._use_settings()
        try:
            settings.save(SETTINGS, accepted, refused, rev)
        except OSError as error:
            self._must_be_full(error)  # the next wake adopts them anew
        return True

    def network(self, ssid):
        """Return by what this network was joined before power was lost, None where nobody knows."""
        text = identity.read_guarded(NETWORK)
        name, known = json.loads(text) if text else (None, None)
        return known if name == ssid else None

    def keep_network(self, ssid, known):
        """Keep for the next power-on by what this network is joined."""
        text = json.dumps([ssid, known])
        if text == identity.read_guarded(NETWORK):
            return
        try:
            identity.write_guarded(NETWORK, text)
        except OSError as error:
            self._must_be_full(error)  # then the next power-on begins from nothing

    def heartbeat_is_due(self):
        """Return whether the last heartbeat is as long ago as it should be, or was before this power-on."""
        period_ms = self.settings["heartbeat_s"] * 1000
        found = slots.trial()
        if found is not None and found[0] == self.slot:
            return True  # there must be something to be acknowledged, by which a firmware on trial proves itself
        # The timer may be 5 % fast: a wake that was meant for the heartbeat must not find it not yet due.
        return "beat" not in self.rtc or self.clock.mono() - self.rtc["beat"] >= period_ms * 9 // 10

    def _must_be_full(self, error):
        """Let only a full flash pass: any other failure must be seen."""
        if error.errno != FLASH_IS_FULL:
            raise error

    def _use_settings(self):
        self.settings = settings.defaults(self.config)
        self.settings.update(self._accepted)


def _make_folder(path):
    try:
        os.mkdir(path)
    except OSError:
        os.stat(path)  # whatever else was wrong, it must be there now
