"""Which firmware this is; an update's image differs in this file at least."""

VERSION = "0.1.0"
# No clock of a board that runs this is right when it shows an earlier time, in Unix milliseconds.
RELEASED_MS = 1795219200000
