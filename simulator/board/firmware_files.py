"""Which files of ``firmware/`` go into a slot of a board."""

from collections.abc import Iterator
from pathlib import Path

import firmware

FIRMWARE = Path(firmware.__file__).parent
CHOOSER = FIRMWARE / "chooser.py"
# The first lies outside the slots as /main.py; of the second a board needs what it has in wire/reports.py.
NOT_IN_A_SLOT = (CHOOSER, FIRMWARE / "wire" / "messages.py")


def firmware_files() -> Iterator[tuple[Path, str]]:
    """Yield each source file and its path in a slot."""
    for source in sorted(FIRMWARE.rglob("*.py")):
        if source not in NOT_IN_A_SLOT:
            yield source, str(source.relative_to(FIRMWARE.parent))
