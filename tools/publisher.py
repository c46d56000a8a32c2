"""Releases of firmware for the laboratory's board, good ones and others, offered by the product's own cloud."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from cloud.bootstrap import Application
from cloud.devices.model import desired
from cloud.devices.updates.model import Image, Release
from cloud.devices.updates.repository import UpdateRepository
from cloud.devices.updates.service import chosen_boards, release, withdraw
from simulator.board.firmware_files import ESP32
from simulator.lab.image_server import ImageServer
from tools.firmware_image import KEY_BITS, Update, pack_image, sign_update

# As the server's route of images.
ROUTE = "/firmware/"
OLDER = "0.0.9"
NEWER = 9  # than any program that there will be for a while


class Publisher:
    """Offers one release after another to ``thing``, each of a higher version; its images are those in the database."""

    def __init__(self, app: Application, thing: str, key: rsa.RSAPrivateKey) -> None:
        self._app = app
        self._thing = thing
        self._key = key
        self._number = 1
        self._tell: Callable[[dict[str, Any]], None] = lambda _: None
        self._server = ImageServer(self._image)
        self.files: dict[str, dict[str, bytes]] = {}
        """Of each good release, by its version."""
        with app.database.write() as unit_of_work:
            UpdateRepository(unit_of_work).set_chip(thing, ESP32)

    def begin(self, tell: Callable[[dict[str, Any]], None]) -> None:
        """Offer nothing, as before the first release; ``tell`` is given the board's ``desired`` with each."""
        self._tell = tell
        with self._app.database.write() as unit_of_work:
            withdraw(unit_of_work, chosen_boards(unit_of_work, [self._thing]))
        self.files.clear()
        self._number = 1
        self.make_peace()

    def stop(self) -> None:
        """Serve no images any more."""
        self._server.stop()

    def fail(self, faults: Iterable[str]) -> None:
        """Let the next requests for an image go wrong."""
        self._server.faults.extend(faults)

    def make_peace(self) -> None:
        """Let all requests go well from now on."""
        self._server.faults.clear()

    def offer(self, kind: str, size: int) -> None:
        """Offer a release of one of ``scenario.RELEASES``, with so many bytes beside its program."""
        self._number += 1
        version = OLDER if kind == "older" else f"{NEWER}.{self._number}.0"
        files = {
            "firmware/version.py": version.encode(),
            "firmware/data": self._number.to_bytes(4, "big") * (size // 4),
        }
        if kind == "does not start":
            files["firmware/crash.py"] = b""
        elif kind == "good":
            self.files[version] = files
        image = pack_image(files)
        update = self._signed(kind, version, image)
        served = {"altered": image[:-1] + b"!", "cut short": image[: len(image) // 2]}.get(kind, image)
        self._release(Release(Image(update.sha256, version, ESP32, served), update.as_json()))
        self._tell(self._desired())

    def _desired(self) -> dict[str, Any]:
        with self._app.database.read() as unit_of_work:
            (board,) = chosen_boards(unit_of_work, [self._thing])
        # An older release is offered too, as by a broker that keeps what it once was told.
        return {**desired(board.device).message, "update": board.offered}

    def _signed(self, kind: str, version: str, image: bytes) -> Update:
        name = hashlib.sha256(image).hexdigest()
        update = sign_update(self._key, version, image, self._server.url + ROUTE + name)
        nonsense = base64.b64encode(bytes(KEY_BITS // 8)).decode()
        return replace(update, signature=nonsense) if kind == "unsigned" else update

    def _release(self, one: Release) -> None:
        with self._app.database.write() as unit_of_work:
            release(unit_of_work, chosen_boards(unit_of_work, [self._thing]), {ESP32: one})

    def _image(self, path: str) -> bytes | None:
        with self._app.database.read() as unit_of_work:
            return UpdateRepository(unit_of_work).image(path.removeprefix(ROUTE))
