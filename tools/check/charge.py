"""Check that no change makes a wake of the board draw much more than before, by the laboratory's power meter.

``python -m tools.check.charge`` compares with ``charge.json`` beside this file; ``--accept`` writes what was measured
there, for a change that is worth its charge. The meter's clock is virtual: the figures are the same on every machine.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from simulator.lab.charge import FIRST_START, FLOOR_MC, Charge, Router, mean, measure, measure_day
from tools.laboratory import Laboratory
from tools.parts.micropython import fetch_micropython
from tools.parts.umqtt import fetch_umqtt

BASELINE = Path(__file__).with_name("charge.json")
MOST_RISE = 1.1
MOST_OF_FLOOR = 1.3
# Leases of a public network, of many a home, of most homes.
ROUTERS = {
    f"leases of {hours} h{silent}": Router(hours * 3600, knows_restarts=not silent)
    for silent in ("", " and no INIT-REBOOT")
    for hours in (1, 2, 24)
}
# Of this one it can only be said what it costs: it answers the network stack's DHCP and not the same from a program.
STUBBORN = {"no answer to a program's DHCP": Router(0)}
# Really waited for by the board, so long that no machine is too slow: a wait in vain would count.
ANSWER_MS = 30_000


def main(*, accepts: bool = False) -> int:
    """Print what each wake draws and what is wrong with it; return 1 when something is."""
    charges, days, stubborn = measured()
    if accepts:
        BASELINE.write_text(json.dumps({name: round(charge.total_mc, 1) for name, charge in charges.items()}) + "\n")
    problems = [*rises(charges, json.loads(BASELINE.read_text())), *above_floor({**charges, **days})]
    for line in (*table(charges), *table(days), *table(stubborn), *problems):
        print(line)
    return 1 if problems else 0


def measured() -> tuple[dict[str, Charge], dict[str, Charge], dict[str, Charge]]:
    """Return what the ordinary wakes of a new board draw, those of a day by its router, and by a stubborn one."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Laboratory(Path(folder), fetch_micropython(), fetch_umqtt()) as laboratory,
    ):
        days, stubborn = (
            {
                f"{of} of a day, {name}": charge
                for name, router in routers.items()
                for of, charge in _summed_up(measure_day(laboratory.new_board(ANSWER_MS), router))
            }
            for routers in (ROUTERS, STUBBORN)
        )
        return measure(laboratory.new_board(ANSWER_MS)), days, stubborn


def table(charges: Mapping[str, Charge]) -> Iterator[str]:
    """Yield a line for each wake."""
    for name, charge in charges.items():
        phases = ", ".join(f"{phase} {drawn:.1f}" for phase, drawn in charge.phases.items())
        ratio = charge.total_mc / FLOOR_MC
        yield f"charge: {name} {charge.total_mc:.1f} mC ({phases}), {ratio:.2f} of the floor; by itself {charge.own_mc}"


def rises(charges: Mapping[str, Charge], baseline: Mapping[str, float]) -> Iterator[str]:
    """Yield what draws a tenth more than the baseline."""
    for name, charge in charges.items():
        if charge.total_mc > MOST_RISE * baseline[name]:
            yield f"expected {name} to draw at most {MOST_RISE} of {baseline[name]} mC, got {charge.total_mc:.1f}"


def above_floor(charges: Mapping[str, Charge]) -> Iterator[str]:
    """Yield what draws too much more than the floor: a first start may."""
    for name, charge in charges.items():
        if name != FIRST_START and charge.total_mc > MOST_OF_FLOOR * FLOOR_MC:
            yield f"expected {name} to draw at most {MOST_OF_FLOOR} of {FLOOR_MC} mC, got {charge.total_mc:.1f}"


def _summed_up(wakes: Sequence[Charge]) -> tuple[tuple[str, Charge], ...]:
    return ("mean", mean(wakes)), ("dearest", max(wakes, key=lambda charge: charge.total_mc))


if __name__ == "__main__":
    sys.exit(main(accepts="--accept" in sys.argv))
