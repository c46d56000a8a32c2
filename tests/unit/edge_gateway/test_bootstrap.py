"""The gateway is put together as the command line says, or it is told why not."""

import json
import threading

import pytest

from edge_gateway.adapters.camera_folder import FolderCamera
from edge_gateway.bootstrap import Gateway, Parts, choose_camera, run, version
from edge_gateway.errors import BundleError
from edge_gateway.ports.device_hub import Capture, Connected, Desired, Disconnected
from edge_gateway.settings import Settings
from tests.unit.edge_gateway.fakes import FakeCamera, FakeCloud, FakeDisk, frame


def test_a_folder_is_a_camera(tmp_path) -> None:
    assert isinstance(choose_camera(f"folder:{tmp_path / 'frames'}"), FolderCamera)
    assert (tmp_path / "frames").is_dir()


@pytest.mark.parametrize("name", ["", "folder", "folder:", "webcam:0", "/dev/video0"])
def test_a_camera_that_does_not_exist_is_told(name) -> None:
    with pytest.raises(BundleError, match="expected the camera folder:DIR, got"):
        choose_camera(name)


def test_the_version_fits_the_wire() -> None:
    assert 1 <= len(version()) <= 32


def test_a_missing_bundle_is_told_before_anything_starts(tmp_path) -> None:
    with pytest.raises(BundleError, match=r"device\.json"):
        run(tmp_path / "bundle", f"folder:{tmp_path}", tmp_path / "spool", threading.Event(), lambda _line: None)
    assert not (tmp_path / "spool").exists()


def test_a_bundle_of_a_board_is_told(tmp_path) -> None:
    fields = {"thing": "board-1", "kind": "board", "host": "localhost", "port": 8883}
    (tmp_path / "device.json").write_text(json.dumps(fields))
    with pytest.raises(BundleError, match="got that of a board"):
        run(tmp_path, f"folder:{tmp_path}", tmp_path / "spool", threading.Event(), lambda _line: None)


class EagerCloud(FakeCloud):
    """Wishes one capture as soon as the gateway listens, and passes its answers on at once."""

    def start(self, listener) -> None:
        self.listener = listener
        listener(Disconnected("the broker was away"))
        listener(Disconnected("the broker was away"))
        listener(Connected())
        listener(Desired(1, Capture("e-1", "close", 1)))

    def publish(self, kind, message) -> bool:
        taken = super().publish(kind, message)
        replies, self.replies = self.replies, []
        for reply in replies:
            self.listener(reply)
        return taken


class Watcher:
    """Collects the lines for a person and ends the gateway after one of them."""

    def __init__(self, last: str) -> None:
        self.lines: list[str] = []
        self.stop = threading.Event()
        self._last = last

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if self._last in line:
            self.stop.set()


def test_a_gateway_tells_a_person_what_it_does(tmp_path) -> None:
    watcher = Watcher("image")
    parts = Parts(FakeCamera([frame(tmp_path, "1.jpg")]), FakeDisk(), cloud := EagerCloud(), cloud)
    Gateway(parts, tmp_path, Settings(), watcher).run(watcher.stop)
    assert watcher.lines[:3] == ["0 events wait in the spool", "not connected: the broker was away", "connected"]
    assert watcher.lines[3].startswith("event e-1: image 160 x 120")


def test_an_empty_mailbox_is_told_as_such(tmp_path) -> None:
    watcher = Watcher("event e-1")
    parts = Parts(FakeCamera(), FakeDisk(), cloud := EagerCloud(), cloud)
    Gateway(parts, tmp_path, Settings(), watcher).run(watcher.stop)
    assert watcher.lines[-1] == "event e-1: nothing new in the mailbox"


def test_a_worker_that_fails_ends_the_gateway_with_its_error(tmp_path) -> None:
    parts = Parts(FakeCamera(broken=ZeroDivisionError("a bug")), FakeDisk(), cloud := EagerCloud(), cloud)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        Gateway(parts, tmp_path, Settings(), lambda _line: None).run(threading.Event())
    assert not cloud.connected


def test_a_gateway_sends_a_heartbeat_once_it_is_connected(tmp_path) -> None:
    sent = threading.Event()

    class Listening(EagerCloud):
        def publish(self, kind, message) -> bool:
            if kind == "heartbeat":
                sent.set()
            return super().publish(kind, message)

    stop = threading.Event()
    parts = Parts(FakeCamera(), FakeDisk(), cloud := Listening(), cloud)
    worker = threading.Thread(target=Gateway(parts, tmp_path, Settings(), lambda _line: None).run, args=(stop,))
    worker.start()
    assert sent.wait(10)
    stop.set()
    worker.join()
