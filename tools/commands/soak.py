"""``pillarbox simulate soak``: boards, bad luck, and whether the cloud has each event once."""

import logging
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Annotated

import typer

from simulator.lab.lab import LabError
from simulator.lab.scenario import story
from simulator.lab.soak import Verdict
from tools.commands.bars import progress_bar
from tools.commands.failures import clear_failures
from tools.laboratory import Laboratory
from tools.parts.micropython import fetch_micropython
from tools.parts.umqtt import fetch_umqtt

SEEDS = 1_000_000


@clear_failures
def soak(
    *,
    runs: Annotated[int, typer.Option(min=1, help="How many boards to torment, each with a story of its own.")] = 100,
    seed: Annotated[int | None, typer.Option(help="Of the first story; the others count on. Default: drawn.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many at the same time.")] = os.cpu_count() or 1,
) -> None:
    """Prove on virtual boards that no fault loses or doubles an event; a run that fails says how to repeat it."""
    # Boards whose clocks are wrong are what this is about.
    logging.getLogger("cloud").setLevel(logging.ERROR)
    first = random.randrange(SEEDS) if seed is None else seed  # noqa: S311 - no secret
    verdicts: dict[int, Verdict] = {}
    with tempfile.TemporaryDirectory(prefix="pillarbox-soak-") as folder, progress_bar() as tell:
        for number, verdict in _played(range(first, first + runs), Path(folder), jobs):
            verdicts[number] = verdict
            tell("soak", len(verdicts), runs)
            if verdict.problems:
                print(report(number, verdict), file=sys.stderr, flush=True)
    print(summary(first, list(verdicts.values())))
    if any(verdict.problems for verdict in verdicts.values()):
        raise typer.Exit(1)


def report(seed: int, verdict: Verdict) -> str:
    """Return what a run that failed leaves to be repeated: its problems, its story, and the command."""
    steps = [f"  {number}. {step}" for number, step in enumerate(story(seed), 1)]
    again = f"repeat it: pillarbox simulate soak --runs 1 --seed {seed}"
    return "\n".join((f"seed {seed}:", *(f"  {problem}" for problem in verdict.problems), "its story:", *steps, again))


def summary(first: int, verdicts: list[Verdict]) -> str:
    """Return what all runs came to."""
    wakes, cuts, journaled, lost, updates = (
        sum(getattr(verdict, name) for verdict in verdicts)
        for name in ("wakes", "cuts", "journaled", "lost", "updates")
    )
    failed = sum(bool(verdict.problems) for verdict in verdicts)
    return (
        f"{len(verdicts)} runs from seed {first}: {wakes:,} wakes, {cuts:,} power cuts, {updates:,} releases started, "
        f"{journaled:,} events journaled, {lost:,} dropped by a full flash and counted; "
        f"runs that ended on a bad firmware, lost or doubled anything else: {failed}"
    )


def _played(seeds: range, folder: Path, side_by_side: int) -> Iterator[tuple[int, Verdict]]:
    """Yield each seed and its verdict as they come; every laboratory plays one story at a time."""
    parts = (fetch_micropython(), fetch_umqtt())
    with ExitStack() as stack, ThreadPoolExecutor(side_by_side) as threads:
        free: SimpleQueue[Laboratory] = SimpleQueue()
        for number in range(min(side_by_side, len(seeds))):
            free.put(stack.enter_context(Laboratory(folder / str(number), *parts)))

        def run(seed: int) -> Verdict:
            laboratory = free.get()
            try:
                return laboratory.run(seed)
            except LabError as error:
                return Verdict((str(error),), 0, 0, 0, 0)
            finally:
                free.put(laboratory)

        waiting = {threads.submit(run, seed): seed for seed in seeds}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
