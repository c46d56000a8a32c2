"""Which release this is, of the whole program; an update's image differs in this file at least.

``pyproject.toml`` takes the number from here. A board takes no firmware that does not call itself newer.
"""

VERSION = "0.3.0"
# No clock of a board that runs this is right when it shows an earlier time, in Unix milliseconds.
RELEASED_MS = 1795219200000
