"""Starts the gateway as a process, lays frames before its camera, and ends it politely or not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from tests.waiting import PATIENCE_S, until

ROOT = Path(__file__).parents[3]


class GatewayProcess:
    """The gateway as its own process, to be ended politely or not."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self.bundle = bundle
        self.camera = folder / "camera"
        self.spool = folder / "spool"
        self.log = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        log = self.log.open("ab")
        script = Path(__file__).with_name("gateway_process.py")
        command = [sys.executable, str(script), str(self.bundle), str(self.camera), str(self.spool), *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=environment)
        log.close()

    def kill(self) -> None:
        """Kill -9."""
        assert self._process is not None
        self._process.kill()
        self.wait_for_end()

    def stop(self) -> int:
        """Ask the process to end; returns its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self.wait_for_end()

    def wait_for_end(self) -> int:
        assert self._process is not None
        code = self._process.wait(PATIENCE_S)
        self._process = None
        return code

    def is_running(self) -> bool:
        return self._process is not None

    def lay(self, *names: str, text: str = "Dear neighbour") -> None:
        """Put frames of one scene into the camera's folder: the first is sharp, the others more and more blurred."""
        self.camera.mkdir(parents=True, exist_ok=True)
        for blur, name in enumerate(names):
            letter(text, blur * 3).save(self.camera / f".{name}", "JPEG", quality=90)
            os.utime(self.camera / f".{name}", (1, 1))
            (self.camera / f".{name}").rename(self.camera / name)

    def frames(self) -> list[str]:
        return sorted(path.name for path in self.camera.iterdir())

    def spooled_images(self) -> list[str]:
        return sorted(path.name for path in (self.spool / "entries").glob("*.jpg"))

    def parked(self) -> list[str]:
        return sorted(path.name for path in (self.spool / "parked").iterdir())

    def wait_for_state(self, event_id: str, state: str) -> None:
        path = self.spool / "entries" / f"{event_id}.json"
        until(lambda: path.exists() and json.loads(path.read_text())["state"] == state, f"{event_id} to be {state}")

    def wait_until_no_frames(self) -> None:
        until(lambda: not self.frames(), "the frames to be gone")

    def wait_until_all_is_cleared(self) -> None:
        """Wait until neither the camera nor the spool holds an image."""
        until(lambda: not self.frames() and not self.spooled_images(), "frames and spooled images to be gone")

    def wait_for_log(self, text: str) -> None:
        until(lambda: text in self.log.read_text(), lambda: f"{text} in the log, got {self.log.read_text()}")


def letter(text: str, blur: int = 0) -> Image.Image:
    """Return the image of a letter with one text on many lines."""
    image = Image.new("RGB", (1600, 1200), (238, 236, 230))
    draw = ImageDraw.Draw(image)
    for line in range(24):
        draw.text((120, 80 + 44 * line), f"{line} {text} {text}", fill=(30, 30, 40), font_size=30)
    return image.filter(ImageFilter.GaussianBlur(blur)) if blur else image
