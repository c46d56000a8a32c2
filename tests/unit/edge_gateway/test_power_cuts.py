"""The power goes at every single disk operation, and at every pair of them: one image per event arrives."""

import pytest

from edge_gateway.ports.device_hub import Capture, Desired
from edge_gateway.ports.image_upload import Answer, Outcome
from tests.unit.edge_gateway.conftest import Bench
from tests.unit.edge_gateway.fakes import PowerCutError, frame

WISH = Desired(1, Capture("e-1", "close", 1))


def live(bench: Bench) -> bool:
    """Run from the start to the end of one event; returns whether the power stayed on."""
    try:
        bench.start()
        for entry in bench.spool.all():
            bench.photographer.clear_frames(entry)
        bench.go_online()
        if "e-1" not in bench.cloud.rows:
            bench.desk.handle(WISH)
        bench.work_for(40)
    except PowerCutError:
        bench.cloud.replies = []
        return False
    return True


def check(bench: Bench, images: int) -> None:
    assert {event_id: len(found) for event_id, found in bench.cloud.rows.items()} == {"e-1": images}
    assert bench.camera.frames == []
    assert [name for name in bench.disk.names("entries") if not name.endswith(".json")] == []
    assert [entry.event_id for entry in bench.spool.unfinished()] == []


def cut_moments(bench: Bench) -> int:
    trial = bench.copy()
    assert live(trial)
    return trial.disk.moments


@pytest.fixture
def before(tmp_path) -> Bench:
    bench = Bench()
    bench.camera.frames = [frame(tmp_path, "1.jpg"), frame(tmp_path, "2.jpg", 2)]
    return bench


@pytest.mark.parametrize("removals_kept", [True, False])
def test_a_cut_at_any_moment_neither_loses_nor_doubles_the_image(before, removals_kept) -> None:
    moments = cut_moments(before)
    assert moments > 20
    for moment in range(1, moments + 1):
        bench = before.copy()
        bench.disk.cut_at = moment
        assert not live(bench)
        bench.disk = bench.disk.restarted(removals_kept=removals_kept)
        assert live(bench)
        check(bench, 1)


def test_two_cuts_neither_lose_nor_double_the_image(before) -> None:
    for first in range(1, cut_moments(before) + 1, 2):
        once = before.copy()
        once.disk.cut_at = first
        assert not live(once)
        once.disk = once.disk.restarted()
        for second in range(1, cut_moments(once) + 1, 3):
            bench = once.copy()
            bench.disk.cut_at = second
            assert not live(bench)
            bench.disk = bench.disk.restarted()
            assert live(bench)
            check(bench, 1)


def test_a_cut_while_an_image_is_parked_keeps_it_and_tells_the_event_once(before) -> None:
    before.cloud.refusal = "no"
    for moment in range(1, cut_moments(before) + 1):
        bench = before.copy()
        bench.disk.cut_at = moment
        assert not live(bench)
        bench.disk = bench.disk.restarted()
        assert live(bench)
        check(bench, 0)
        assert [name for name in bench.disk.names("parked") if name.endswith(".jpg")] == ["e-1.jpg"]


def test_a_cut_with_a_failing_store_loses_nothing(before) -> None:
    before.cloud.answers = [Answer(Outcome.FAILED), Answer(Outcome.EXPIRED)]
    for moment in range(1, cut_moments(before) + 1):
        bench = before.copy()
        bench.disk.cut_at = moment
        assert not live(bench)
        bench.disk = bench.disk.restarted()
        assert live(bench)
        check(bench, 1)
