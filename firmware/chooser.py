"""The board's /main.py: start the firmware of the slot that the file ``slot`` names."""

import sys

if __name__ == "__main__":
    with open("slot") as file:
        sys.path.insert(0, file.read().strip())
    from firmware.boot import start

    start()
