"""Which files of ``firmware/`` go into a slot of a board."""

import json
from collections.abc import Iterator
from pathlib import Path

import firmware

FIRMWARE = Path(firmware.__file__).parent
CHOOSER = FIRMWARE / "chooser.py"
# The first lies outside the slots as /main.py; of the second a board needs what it has in wire/reports.py.
NOT_IN_A_SLOT = (CHOOSER, FIRMWARE / "wire" / "messages.py")
BOARD = "board.py"
ESP32 = "esp32"
PICO_W = "pico_w"
# What becomes firmware/board.py on each chip.
BOARD_OF = {ESP32: BOARD, "esp32s3": BOARD, "esp32c3": BOARD, PICO_W: "board_pico_w.py"}


def firmware_files(chip: str = ESP32) -> Iterator[tuple[Path, str]]:
    """Yield each source file and its path in a slot; of the boards' own files only that of ``chip``."""
    boards = {FIRMWARE / name for name in BOARD_OF.values()}
    for source in sorted(FIRMWARE.rglob("*.py")):
        if source == FIRMWARE / BOARD_OF[chip]:
            yield source, f"{FIRMWARE.name}/{BOARD}"
        elif source not in boards and source not in NOT_IN_A_SLOT:
            yield source, str(source.relative_to(FIRMWARE.parent))


def chip_of(bundle: Path) -> str:
    """Return the chip that a bundle is for, as ``pillarbox provision board`` wrote it; an ESP32 where nothing says."""
    return str(json.loads((bundle / "device.json").read_text()).get("chip", ESP32))
