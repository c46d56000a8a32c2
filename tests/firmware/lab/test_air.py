"""Wi-Fi that goes away silently at each use of the network: asking for names and time, TLS, publishing, updating."""

# More uses of the network than any of these wakes makes: the last ones find it there, by which the loop ends.
MOST_USES = 200
LEAST_USES = 20
# Before it stands what openings prove; the log-in is over, what follows it is not.
LOGGED_IN = 24
NTP_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
# Of a handshake, and once of any other answer: nothing waits twice for a network that is gone.
MOST_AWAKE_MS = 25_000


def drop_at_each_use(lab, wake, first=0):
    """Run ``wake()`` from the same moment, the network gone after ``first`` uses, one more, …; yield after each."""
    lab.save()
    for uses in range(first, MOST_USES):
        lab.load()
        lab.set(air=uses)
        outcome = wake()
        assert outcome.end == "sleep", outcome
        assert outcome.awake_ms < MOST_AWAKE_MS, outcome
        if not outcome.is_air_gone:
            assert uses > LEAST_USES
            return
        lab.settle()
        assert lab.missing() == []
        assert lab.ledger.clashes == []
        assert lab.ledger.lost == 0
        yield
    raise AssertionError(f"expected fewer than {MOST_USES} uses of the network")


def movements(lab):
    return [row["event_type"] for row in lab.ledger.rows.values() if row["event_type"] in ("open", "close")]


def test_a_first_start_which_asks_for_everything_there_is(lab_at, name_server):
    lab = lab_at(host="broker.example").set(dns_port=name_server.port, ntp=NTP_MS, is_high=True)
    for _ in drop_at_each_use(lab, lab.start):
        assert movements(lab) == ["open"]


def test_an_opening_after_many_others_half_a_day_later(lab):
    lab.start()
    lab.set(has_wifi=False)
    for number in range(60):
        lab.move(is_open=number % 2 == 0)
    lab.set(has_wifi=True)
    for _ in drop_at_each_use(lab, lambda: lab.move(is_open=True, after_ms=13 * HOUR_MS)):
        assert movements(lab) == ["open", "close"] * 30 + ["open"]


def test_an_update(lab, offer):
    lab.start()
    offer()
    for _ in drop_at_each_use(lab, lambda: lab.move(is_open=True), LOGGED_IN):
        while lab.read("slot") != b"b":
            lab.sleep_on()
        assert movements(lab) == ["open"]
