"""One capture: the sharpest frame is spooled, the others go, and nothing is done twice."""

import queue
import threading
from dataclasses import replace
from pathlib import Path, PosixPath

import pytest

from edge_gateway.backoff import Timing
from edge_gateway.capture import CaptureDesk
from edge_gateway.entry import State
from edge_gateway.errors import CameraBusyError, SpoolFullError
from edge_gateway.ports.device_hub import Capture, Desired
from edge_gateway.signals import Stop
from tests.unit.edge_gateway.conftest import NO_SPACE
from tests.unit.edge_gateway.fakes import broken_frame, frame

CAPTURE = Capture("e-1", "close", 1_700_000_000_000)


def test_the_sharpest_frame_is_spooled(bench, tmp_path) -> None:
    bench.camera.frames = [frame(tmp_path, "1.jpg", 3), frame(tmp_path, "2.jpg"), frame(tmp_path, "3.jpg", 1)]
    sharpest = (tmp_path / "2.jpg").read_bytes()
    entry = bench.photographer.photograph(CAPTURE)
    assert bench.spool.read_image(entry) == sharpest
    assert entry.image.scores["frames"] == 3
    assert entry.image.scores["sharpness"] > 0
    assert (entry.image.image_id, entry.image.captured_at, entry.image.err_ms) == (f"{1:032x}", 1_700_000_000_000, 7)


def test_the_frames_go_when_the_image_is_safe(bench, tmp_path) -> None:
    bench.camera.frames = [frame(tmp_path, "1.jpg"), frame(tmp_path, "2.jpg")]
    bench.photographer.photograph(CAPTURE)
    assert bench.camera.frames == []
    assert bench.spool.frames_in_the_way() == set()


def test_the_frames_stay_when_the_image_is_not_safe(bench, tmp_path) -> None:
    bench.camera.frames = [frame(tmp_path, "1.jpg")]
    bench.free = 0
    with pytest.raises(SpoolFullError):
        bench.photographer.photograph(CAPTURE)
    assert len(bench.camera.frames) == 1


def test_the_same_event_is_photographed_once(bench, tmp_path) -> None:
    bench.camera.frames = [frame(tmp_path, "1.jpg")]
    first = bench.photographer.photograph(CAPTURE)
    bench.camera.frames = [frame(tmp_path, "2.jpg")]
    again = bench.photographer.photograph(CAPTURE)
    assert again.image == first.image
    assert len(bench.camera.frames) == 1


def test_frames_that_cannot_be_removed_are_not_photographed_for_the_next_event(bench, tmp_path) -> None:
    bench.camera.frames = [frame(tmp_path, "1.jpg")]
    bench.camera.stuck = PermissionError("read-only folder")
    assert bench.photographer.photograph(CAPTURE).state is State.NEW
    assert len(bench.camera.frames) == 1
    assert bench.photographer.photograph(Capture("e-2", "close", 1)).state is State.EMPTY
    bench.camera.stuck = None
    bench.photographer.clear_frames(bench.spool.find("e-1"))
    assert bench.camera.frames == []


def test_an_empty_mailbox_is_an_event_without_image(bench) -> None:
    entry = bench.photographer.photograph(CAPTURE)
    assert (entry.state, entry.image, entry.trouble) == (State.EMPTY, None, "")


def test_a_broken_frame_does_not_stop_the_others(bench, tmp_path) -> None:
    bench.camera.frames = [broken_frame(tmp_path, "1.jpg"), frame(tmp_path, "2.jpg"), broken_frame(tmp_path, "3.jpg")]
    entry = bench.photographer.photograph(CAPTURE)
    assert entry.state is State.NEW
    assert sorted(bench.camera.refused) == ["1.jpg", "3.jpg"]
    assert "expected a complete JPEG or PNG" in bench.camera.refused["1.jpg"]
    assert bench.camera.frames == []


def test_a_burst_of_broken_frames_is_told_with_the_reason(bench, tmp_path) -> None:
    bench.camera.frames = [broken_frame(tmp_path, "1.jpg"), broken_frame(tmp_path, "2.jpg")]
    entry = bench.photographer.photograph(CAPTURE)
    assert entry.state is State.EMPTY
    assert entry.trouble.startswith("none of 2 frames is an image; the last: expected a complete JPEG or PNG")
    assert sorted(bench.camera.refused) == ["1.jpg", "2.jpg"]


class GoneAtSecondSight(PosixPath):
    """A file that somebody takes away after it was scored."""

    def stat(self, **options):
        marker = Path(f"{self}.seen")
        if marker.exists():
            raise FileNotFoundError(self.name)
        marker.touch()
        return super().stat(**options)


def test_a_frame_that_scores_well_but_cannot_be_sent_makes_way_for_the_next(bench, tmp_path) -> None:
    sharp = frame(tmp_path, "1.jpg")
    bench.camera.frames = [frame(tmp_path, "2.jpg", 3), replace(sharp, path=GoneAtSecondSight(sharp.path))]
    entry = bench.photographer.photograph(CAPTURE)
    assert bench.spool.read_image(entry) == (tmp_path / "2.jpg").read_bytes()
    assert "FileNotFoundError" in bench.camera.refused["1.jpg"]


class TestDesk:
    def test_a_wish_is_fulfilled_once_and_reported(self, bench, tmp_path) -> None:
        bench.camera.frames = [frame(tmp_path, "1.jpg")]
        bench.desk.handle(Desired(1, CAPTURE))
        assert [entry.event_id for entry in bench.done] == ["e-1"]
        bench.desk.work()
        assert len(bench.done) == 1

    def test_wishes_are_fulfilled_in_order_each_with_its_own_frames(self, bench, tmp_path) -> None:
        for rev, name in enumerate(("1.jpg", "2.jpg")):
            bench.camera.frames = [frame(tmp_path, name)]
            bench.desk.handle(Desired(rev, Capture(f"e-{rev}", "close", rev)))
        assert [(entry.event_id, entry.number) for entry in bench.done] == [("e-0", 1), ("e-1", 2)]

    def test_nothing_wished_is_nothing_done(self, bench) -> None:
        bench.desk.handle(Desired(1, None))
        assert bench.done == []

    def test_an_older_wish_is_ignored(self, bench) -> None:
        bench.desk.handle(Desired(5, None))
        bench.desk.handle(Desired(4, CAPTURE))
        assert bench.done == []

    def test_the_same_wish_after_a_reconnect_is_answered_again(self, bench) -> None:
        bench.desk.handle(Desired(5, CAPTURE))
        bench.desk.handle(Desired(5, CAPTURE))
        assert len(bench.done) == 2
        assert len(bench.spool.unfinished()) == 1

    def test_a_camera_that_is_not_ready_is_asked_again(self, bench, tmp_path) -> None:
        bench.camera.broken = CameraBusyError("1.jpg is still being written")
        bench.desk.handle(Desired(1, CAPTURE))
        assert bench.done == []
        bench.camera.broken = None
        bench.camera.frames = [frame(tmp_path, "1.jpg")]
        bench.desk.work()
        assert bench.done[0].state is State.NEW
        assert bench.troubles == []

    def test_a_full_spool_is_told_once_and_the_capture_is_made_later(self, bench, tmp_path) -> None:
        bench.camera.frames = [frame(tmp_path, "1.jpg")]
        bench.free = 0
        bench.desk.handle(Desired(1, CAPTURE))
        for _ in range(5):
            bench.desk.work()
        assert len(bench.troubles) == 1
        assert "no image of event e-1 yet: expected room for" in bench.troubles[0]
        bench.free = 10_000_000
        bench.desk.work()
        assert bench.done[0].state is State.NEW

    def test_a_broken_disk_is_told_too(self, bench, tmp_path) -> None:
        bench.camera.frames = [frame(tmp_path, "1.jpg")]
        bench.disk.broken = NO_SPACE
        bench.desk.handle(Desired(1, CAPTURE))
        for _ in range(5):
            bench.desk.work()
        assert "No space left" in bench.troubles[0]

    def test_a_wish_that_was_taken_back_is_not_tried_again(self, bench, tmp_path) -> None:
        bench.camera.broken = CameraBusyError("1.jpg is still being written")
        bench.desk.handle(Desired(1, CAPTURE))
        bench.camera.broken = None
        bench.camera.frames = [frame(tmp_path, "1.jpg")]
        bench.desk.handle(Desired(2, None))
        bench.desk.work()
        assert bench.done == []

    def test_the_desk_comes_back_to_a_capture_by_itself(self, bench, tmp_path) -> None:
        made = threading.Event()
        desk = CaptureDesk(bench.photographer, Timing(bench.clock.now_s, lambda: 0.0), lambda _: made.set(), print)
        inbox = queue.Queue()
        bench.camera.broken = CameraBusyError("1.jpg is still being written")
        inbox.put(Desired(1, CAPTURE))
        worker = threading.Thread(target=desk.run, args=(inbox,))
        worker.start()
        bench.camera.frames = [frame(tmp_path, "1.jpg")]
        bench.camera.broken = None
        assert made.wait(10)
        inbox.put(Stop())
        worker.join()
        assert bench.state("e-1") is State.NEW
