"""The rules of the door: when its switch has settled, and which events its movements are."""

OPEN = "open"
CLOSE = "close"

# A corroded switch may chatter for ever: after this long the level of the moment counts.
PATIENCE_MS = 2000

# More movements than hands make: the switch vibrates. Besides those at once, one a minute is always believed.
STORM_MOVEMENT_MS = 60000
# While it vibrates the door ends no sleep; the timer looks after each of these, the last again and again.
STORM_PAUSES_S = (60, 300, 900, 3600)
STORM_CALM_MS = 900000


class Debounce:
    """A door state counts once it was seen unchanged for ``stable_ms``, however long the door goes on."""

    def __init__(self, stable_ms, state, since_ms):
        self._stable_ms = stable_ms
        self._state = state
        self._since_ms = since_ms
        self._began_ms = since_ms

    def sample(self, state, now_ms):
        """Return whether ``state``, seen at ``now_ms``, is settled."""
        if state != self._state:
            self._state = state
            self._since_ms = now_ms
        return now_ms - self._since_ms >= self._stable_ms or now_ms - self._began_ms >= PATIENCE_MS


def opposite(state):
    """Return the door state that ends ``state``."""
    return CLOSE if state == OPEN else OPEN


def movements(last, now, moved):
    """Return the events between two settled states, oldest first; ``moved`` = the switch was seen to leave ``last``.

    A door that moved and is back where it was has been opened and closed faster than the board could look.
    """
    if now != last:
        return (now,)
    return (opposite(last), now) if moved else ()


def weighed(busy_until, now):
    """Return until when the door counts as busy after one more movement, all in ms (generic cell rate algorithm)."""
    return max(now, busy_until) + STORM_MOVEMENT_MS


def is_storm(busy_until, now, at_once):
    """Return whether the door has moved more often than ``at_once`` and once a minute."""
    return busy_until - now > at_once * STORM_MOVEMENT_MS


def passed(open_ms, thresholds_s):
    """Return how many of the rising thresholds, in seconds, a door open for ``open_ms`` has passed."""
    return sum([open_ms >= seconds * 1000 for seconds in thresholds_s])
