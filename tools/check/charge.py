"""Check that no change makes a wake of the board draw much more than before, by the laboratory's power meter.

``python -m tools.check.charge`` compares with ``charge.json`` beside this file; ``--accept`` writes what was measured
there, for a change that is worth its charge. The meter's clock is virtual: the figures are the same on every machine.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from simulator.lab.charge import FIRST_START, FLOOR_MC, Charge, measure, measure_day
from tools.laboratory import Laboratory
from tools.parts.micropython import fetch_micropython
from tools.parts.umqtt import fetch_umqtt

BASELINE = Path(__file__).with_name("charge.json")
MOST_RISE = 1.1
MOST_OF_FLOOR = 1.3
# Of addresses: a public network, many a home, most homes, and a router that only knows the whole of DHCP.
LEASES_S = {"leases of 1 h": 3600, "leases of 2 h": 7200, "leases of 24 h": 86400, "no renewals": 0}
# Really waited for by the board, so long that no machine is too slow: a wait in vain would count.
ANSWER_MS = 30_000


def main(*, accepts: bool = False) -> int:
    """Print what each wake draws and what is wrong with it; return 1 when something is."""
    charges, days = measured()
    if accepts:
        BASELINE.write_text(json.dumps({name: round(charge.total_mc, 1) for name, charge in charges.items()}) + "\n")
    problems = list(rises(charges, json.loads(BASELINE.read_text())))
    for line in (*table(charges), *table(days), *problems):
        print(line)
    return 1 if problems else 0


def measured() -> tuple[dict[str, Charge], dict[str, Charge]]:
    """Return what the ordinary wakes of a new board draw, and the mean wake of a day by how its network leases."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Laboratory(Path(folder), fetch_micropython(), fetch_umqtt()) as laboratory,
    ):
        days = {
            f"mean of a day, {leases}": measure_day(laboratory.new_board(ANSWER_MS), lease_s)
            for leases, lease_s in LEASES_S.items()
        }
        return measure(laboratory.new_board(ANSWER_MS)), days


def table(charges: Mapping[str, Charge]) -> Iterator[str]:
    """Yield a line for each wake."""
    for name, charge in charges.items():
        phases = ", ".join(f"{phase} {drawn:.1f}" for phase, drawn in charge.phases.items())
        ratio = charge.total_mc / FLOOR_MC
        yield f"charge: {name} {charge.total_mc:.1f} mC ({phases}), {ratio:.2f} of the floor; by itself {charge.own_mc}"


def rises(charges: Mapping[str, Charge], baseline: Mapping[str, float]) -> Iterator[str]:
    """Yield what draws a tenth more than the baseline, or too much more than the floor: a first start may."""
    for name, charge in charges.items():
        if charge.total_mc > MOST_RISE * baseline[name]:
            yield f"expected {name} to draw at most {MOST_RISE} of {baseline[name]} mC, got {charge.total_mc:.1f}"
        if name != FIRST_START and charge.total_mc > MOST_OF_FLOOR * FLOOR_MC:
            yield f"expected {name} to draw at most {MOST_OF_FLOOR} of {FLOOR_MC} mC, got {charge.total_mc:.1f}"


if __name__ == "__main__":
    sys.exit(main(accepts="--accept" in sys.argv))
