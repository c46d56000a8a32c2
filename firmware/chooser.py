"""The board's /main.py: start the firmware of the slot that the file ``slot`` names."""

import sys

if __name__ == "__main__":
    with open("slot") as file:
        slot = file.read().strip()
    sys.path.insert(0, slot)
    from firmware.boot import start

    start(slot)
