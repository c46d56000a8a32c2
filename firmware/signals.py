"""What the board's LED says to whoever stands in front of it: so many blinks after a start by hand.

Only a board that was just given power blinks; one that sleeps in a mailbox has nobody to tell, and light costs charge.
"""

MAINTENANCE = 0  # steadily lit: mpremote can get in
SENT = 1
NO_WIFI = 2
UNREACHABLE = 3
UNTRUSTED = 4
REFUSED = 5
LOW_BATTERY = 6
CRASHED = 9
SAFE_MODE = 10

ON_MS = 120
OFF_MS = 280
