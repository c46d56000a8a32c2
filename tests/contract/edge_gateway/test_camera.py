"""What every camera promises, and what the folder camera adds."""

import os
import threading
import time
from pathlib import Path

import pytest

from edge_gateway.adapters.camera_folder import FolderCamera
from edge_gateway.errors import CameraBusyError
from tests.unit.edge_gateway.fakes import letter

SECOND_NS = 1_000_000_000
# However long a test takes, what was touched in it has just been touched.
HOUR_NS = 3600 * SECOND_NS


class FolderScene:
    """A folder camera and the one who puts frames before it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waits = 0
        self.camera = FolderCamera(folder, self._wait, HOUR_NS)
        self.on_wait = lambda: None

    def lay(self, *names: str) -> None:
        for name in names:
            letter().save(self.folder / name, "PNG" if name.lower().endswith("png") else "JPEG")
            self.settle(name)

    def settle(self, name: str) -> None:
        """Make a file look as if it was written a while ago."""
        os.utime(self.folder / name, (1000, 1000))

    def tokens(self) -> list[str]:
        return [frame.token for frame in self.camera.burst(3)]

    def names(self) -> list[str]:
        return [frame.path.name for frame in self.camera.burst(3)]

    def _wait(self, _seconds: float) -> None:
        self.waits += 1
        self.on_wait()


@pytest.fixture(params=[FolderScene])
def scene(request, tmp_path):
    return request.param(tmp_path / "camera")


def test_an_empty_scene_gives_no_frames(scene) -> None:
    assert list(scene.camera.burst(3)) == []


def test_frames_come_oldest_first_with_a_readable_file_and_a_time(scene) -> None:
    before = time.time_ns() // 1_000_000 - 1000
    scene.lay("2.jpg", "1.jpg", "3.jpg")
    frames = scene.camera.burst(3)
    assert [frame.path.name for frame in frames] == ["1.jpg", "2.jpg", "3.jpg"]
    assert all(frame.path.read_bytes() for frame in frames)
    assert all(before <= frame.captured_at <= time.time_ns() // 1_000_000 for frame in frames)


def test_a_burst_that_was_not_released_can_be_had_again(scene) -> None:
    scene.lay("1.jpg", "2.jpg")
    assert scene.tokens() == scene.tokens()
    assert len(set(scene.tokens())) == 2


def test_released_frames_do_not_come_again(scene) -> None:
    scene.lay("1.jpg", "2.jpg")
    scene.camera.release(scene.tokens())
    assert scene.tokens() == []


def test_a_release_may_be_repeated_and_leaves_later_frames_alone(scene) -> None:
    scene.lay("1.jpg", "2.jpg")
    first = scene.tokens()
    scene.camera.release(first)
    (scene.folder / "1.jpg").write_bytes(b"another letter, the same name")
    scene.settle("1.jpg")
    scene.camera.release(first)
    scene.camera.refuse(first[0], "no image")
    assert scene.names() == ["1.jpg"]


def test_a_refused_frame_does_not_come_again_and_can_be_looked_at(scene) -> None:
    scene.lay("1.jpg", "2.jpg")
    token = scene.tokens()[0]
    for _ in range(2):
        scene.camera.refuse(token, "expected a complete JPEG")
    assert scene.names() == ["2.jpg"]
    assert (scene.folder / "refused" / "1.jpg").exists()
    assert (scene.folder / "refused" / "1.jpg.reason.txt").read_text() == "expected a complete JPEG\n"


def test_unknown_tokens_do_no_harm(scene, tmp_path) -> None:
    (tmp_path / "elsewhere.jpg").write_bytes(b"keep")
    for token in ("", "|||", "x", "../elsewhere.jpg|4|1|1", "1.jpg|1|1|1"):
        scene.camera.release([token])
        scene.camera.refuse(token, "no")
    assert (tmp_path / "elsewhere.jpg").exists()


class TestFolder:
    @pytest.mark.parametrize("name", ["a.jpg", "a.JPG", "a.jpeg", "a.JPEG", "a.png", "a.Png"])
    def test_image_files_are_frames_in_any_case(self, scene, name) -> None:
        scene.lay(name)
        assert scene.names() == [name]

    @pytest.mark.parametrize("name", [".a.jpg", "a.jpg.part", "a.gif", "a.txt", "jpg", "a.jpg~"])
    def test_other_files_are_not(self, scene, name) -> None:
        (scene.folder / name).write_bytes(b"x")
        scene.settle(name)
        assert scene.names() == []

    def test_folders_and_broken_links_are_not(self, scene) -> None:
        (scene.folder / "1.jpg").mkdir()
        (scene.folder / "2.jpg").symlink_to(scene.folder / "nowhere")
        assert scene.names() == []

    def test_all_files_belong_to_the_burst_however_many(self, scene) -> None:
        scene.lay(*(f"{number:02}.jpg" for number in range(12)))
        assert len(scene.camera.burst(3)) == 12

    def test_names_with_odd_characters_are_frames_too(self, scene) -> None:
        scene.lay("Brief | vom 3. März.jpg")
        scene.camera.release(scene.tokens())
        assert scene.names() == []

    def test_names_that_are_no_text_are_frames_too(self, scene) -> None:
        (scene.folder / os.fsdecode(b"\xff.jpg")).write_text("Dear neighbour")
        scene.settle(os.fsdecode(b"\xff.jpg"))
        scene.camera.refuse(scene.tokens()[0], "no image")
        assert scene.names() == []

    def test_a_growing_file_is_waited_for(self, scene) -> None:
        scene.lay("1.jpg", "2.jpg")
        os.utime(scene.folder / "2.jpg")
        scene.on_wait = lambda: scene.settle("2.jpg")
        assert scene.names() == ["1.jpg", "2.jpg"]
        assert scene.waits == 1

    def test_a_file_that_never_stops_growing_is_left_for_later(self, scene) -> None:
        scene.lay("1.jpg", "2.jpg")
        scene.on_wait = lambda: os.utime(scene.folder / "2.jpg")
        scene.on_wait()
        assert scene.names() == ["1.jpg"]

    def test_only_growing_files_are_no_empty_mailbox(self, scene) -> None:
        scene.lay("1.jpg")
        scene.on_wait = lambda: os.utime(scene.folder / "1.jpg")
        scene.on_wait()
        with pytest.raises(CameraBusyError, match=r"1\.jpg still being written"):
            scene.camera.burst(3)

    def test_a_real_writer_is_waited_for(self, tmp_path) -> None:
        camera = FolderCamera(tmp_path, quiet_ns=SECOND_NS)  # a busy machine may keep the writer waiting, too
        begun = threading.Event()

        def write() -> None:
            with (tmp_path / "1.jpg").open("wb") as file:
                for _ in range(10):
                    file.write(b"x" * 1000)
                    file.flush()
                    begun.set()
                    time.sleep(0.01)

        writer = threading.Thread(target=write)
        writer.start()
        begun.wait()
        frames = camera.burst(3)
        writer.join()
        assert [frame.path.stat().st_size for frame in frames] == [10_000]

    def test_an_old_copy_is_a_frame_of_now(self, scene) -> None:
        scene.lay("1.jpg")
        assert scene.camera.burst(3)[0].captured_at > 1_700_000_000_000

    def test_refused_files_of_one_name_are_all_kept(self, scene) -> None:
        for content in ("one", "two", "three"):
            (scene.folder / "1.jpg").write_text(content)
            scene.settle("1.jpg")
            scene.camera.refuse(scene.tokens()[0], content)
        kept = {path.read_text() for path in (scene.folder / "refused").glob("*.jpg")}
        assert kept == {"one", "two", "three"}

    def test_a_folder_that_went_away_is_no_empty_mailbox(self, scene) -> None:
        scene.folder.rmdir()
        with pytest.raises(CameraBusyError, match="expected a folder of frames"):
            scene.camera.burst(3)
