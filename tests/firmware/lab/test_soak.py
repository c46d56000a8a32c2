"""Random stories: a few of those that ``pillarbox simulate soak`` plays by the thousand, and that it would notice."""

import pytest
from typer.testing import CliRunner

from firmware.version import VERSION
from simulator.lab.scenario import Step, story
from simulator.lab.soak import Player, Verdict, play
from tools.cli import app
from tools.commands.soak import report
from tools.laboratory import Laboratory


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory, micropython, umqtt):
    """A board whose cloud is the product's own, with its database."""
    with Laboratory(tmp_path_factory.mktemp("laboratory"), micropython, umqtt) as laboratory:
        yield laboratory


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_each_event_is_in_the_cloud_once(seed, laboratory):
    verdict = laboratory.run(seed)
    assert verdict.problems == ()
    assert verdict.journaled > 0


def test_a_story_whose_interpreter_ends_is_played_again_by_a_fresh_one(laboratory):
    laboratory.new_board()
    laboratory._interpreter._process.kill()  # noqa: SLF001 - as the system does
    assert laboratory.run(1).problems == ()


def test_the_same_seed_is_the_same_story_and_another_is_another():
    assert story(7) == story(7)
    assert len({story(seed) for seed in range(20)}) == 20


def test_every_kind_of_step_can_be_played():
    names = {step.name for seed in range(200) for step in story(seed)}
    assert len(names) == 13
    assert all(callable(getattr(Player, name)) for name in names)


def release(kind, *, size=3000, faults=(), cuts=()):
    return Step("release", {"kind": kind, "size": size, "faults": faults, "cuts": cuts})


def test_a_good_release_is_what_the_board_is_left_with_whatever_happens_to_its_fetching(laboratory):
    faults = ("half", "garbage", "no ranges", "silent", "head only", "not found")
    verdict = laboratory.play([release("good", size=30_000, faults=faults, cuts=(0, 20, 9, 4, 20, 9, 0, 0, 0))])
    assert (verdict.problems, verdict.updates) == ((), 1)
    assert verdict.cuts >= 1


@pytest.mark.parametrize("kind", ["unsigned", "altered", "cut short", "older"])
def test_a_release_that_is_not_what_was_signed_or_not_newer_is_never_started(kind, laboratory):
    verdict = laboratory.play([release(kind, cuts=(0, 0, 0))])
    assert (verdict.problems, verdict.updates) == ((), 0)


def test_a_release_that_does_not_start_leaves_the_old_one_and_its_events(laboratory):
    visit = Step("swing", {"after_ms": 5})
    verdict = laboratory.play([visit, release("does not start", cuts=(0, 0, 0)), visit, release("good", cuts=(0,))])
    assert (verdict.problems, verdict.updates) == ((), 2)
    assert verdict.journaled >= 3


def test_a_full_flash_takes_no_release_and_gets_over_it(laboratory):
    for free_blocks in range(3, 8):
        full = Step("flash", {"free_blocks": free_blocks})
        assert laboratory.play([full, release("good", cuts=(0, 0))]).problems == ()


@pytest.fixture
def played(hasty_lab):
    player = Player(hasty_lab)
    player.start()
    player.visits(1, 60_000)
    player.make_peace()
    assert player.verdict().problems == ()
    return player, hasty_lab.ledger


def test_an_event_that_is_missing_is_a_problem_unless_it_is_counted(played):
    player, ledger = played
    name, _ = ledger.rows.popitem()
    assert name in player.verdict().problems[0]
    ledger.lost = 1
    assert player.verdict().problems == ()


def test_an_opening_that_nobody_made_is_a_problem(played):
    player, ledger = played
    ledger.rows["ghost"] = {"event_type": "open"}
    assert "ghost" in player.verdict().problems[0]


def test_a_name_that_stands_for_two_events_is_a_problem(played):
    player, ledger = played
    ledger.clashes.append("twin")
    assert "twin" in player.verdict().problems[0]


def test_a_firmware_that_nobody_released_is_a_problem(hasty_lab):
    player = Player(hasty_lab)
    player.start()
    hasty_lab.write("a/firmware/version.py", b"6.6.6")
    player.make_peace()
    assert player.verdict().problems == (f"expected the board to run one of {VERSION}, got 6.6.6",)


class Publisher:
    """Somebody whose one release is not what the board has."""

    files = {VERSION: {"firmware/version.py": b"other"}}  # noqa: RUF012 - of a test

    def make_peace(self):
        pass


def test_a_firmware_that_is_not_whole_and_one_still_on_trial_are_problems(hasty_lab):
    player = Player(hasty_lab, Publisher())
    player.start()
    player.make_peace()
    hasty_lab.write("trial", b"b 9.2.0 2")
    problems = player.verdict().problems
    assert problems[0].startswith("expected the trial to be over")
    assert problems[1] == f"expected a/firmware/version.py of {VERSION} to be whole, got another"


def test_a_board_that_stops_in_the_middle_of_everything_recovers(hasty_lab):
    steps = [
        Step("swing", {"after_ms": 60_000, "cut_at": 3}),
        Step("broker", {"faults": ("stale desired", "PUBACK lost")}),
        Step("swing", {"after_ms": 5, "bounces": 300}),
        Step("flash", {"free_blocks": 1}),
        Step("visits", {"count": 6, "after_ms": 30_000}),
        Step("reflash"),
        Step("power", {"is_moved": True, "cut_at": 2}),
    ]
    verdict = play(hasty_lab, steps)
    assert verdict.problems == ()
    assert verdict.cuts == 3


def test_the_command_says_what_the_runs_came_to():
    done = CliRunner().invoke(app, ["simulate", "soak", "--runs", "2", "--seed", "11"])
    assert done.exit_code == 0, done.output
    assert "2 runs from seed 11" in done.output
    assert "lost or doubled anything else: 0" in done.output


def test_a_run_that_failed_tells_its_story_and_how_to_repeat_it():
    text = report(5, Verdict(("expected peace, got none",), 1, 0, 1, 0))
    assert "expected peace, got none" in text
    assert all(str(step) in text for step in story(5))
    assert "simulate soak --runs 1 --seed 5" in text
