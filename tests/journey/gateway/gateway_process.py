"""The gateway as a process of its own, which can be told to die at one named point."""

import argparse
import logging
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_gateway.adapters.camera_folder import FolderCamera
from edge_gateway.adapters.device_hub import MqttDeviceHub
from edge_gateway.adapters.disk import LocalDisk
from edge_gateway.adapters.image_upload import HttpImageUpload
from edge_gateway.bootstrap import Gateway, Parts
from edge_gateway.log_lines import log_to_stderr
from edge_gateway.settings import Settings, read_bundle


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class FrailCamera(FolderCamera):
    """Dies when the frames of a spooled capture are to be removed."""

    def release(self, tokens: Sequence[str]) -> None:
        die()
        super().release(tokens)


class FrailHub(MqttDeviceHub):
    """Dies when an image is to be announced."""

    def publish(self, kind: str, message: Mapping[str, Any]) -> bool:
        if kind == "images":
            die()
        return super().publish(kind, message)


@dataclass
class FrailDisk(LocalDisk):
    """Dies before or after the rename to a name that ends in a given way, or before an image is removed."""

    before: str = "-"
    after: str = "-"
    keeps_images: bool = False

    def remove(self, path: Path) -> None:
        if self.keeps_images and path.suffix == ".jpg":
            die()
        super().remove(path)

    def rename(self, source: Path, target: Path) -> None:
        if target.name.endswith(self.before):
            die()
        super().rename(source, target)
        if target.name.endswith(self.after):
            die()


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser()
    for name in ("bundle", "camera", "spool"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--die", default="")
    given = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    log_to_stderr()
    identity = read_bundle(given.bundle)
    hub = FrailHub if given.die == "before announcing" else MqttDeviceHub
    camera = FrailCamera if given.die == "before removing the frames" else FolderCamera
    moment, _, ending = given.die.partition(" the rename of ")
    dies = {moment: ending} if ending else {"keeps_images": given.die == "before removing the committed image"}
    parts = Parts(camera(given.camera), FrailDisk(**dies), hub(identity, "test"), HttpImageUpload(identity.ca, 10))
    Gateway(parts, given.spool, Settings(), logging.getLogger("edge_gateway").info).run(stop)


main()
