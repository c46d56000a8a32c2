"""The OCR child process: images in, pages out, until its parent is gone."""

import ctypes
import dataclasses
import json
import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from cloud.adapters.local.ocr_engine_reader import PageReader
from cloud.errors import RefusedError

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    """Serve the pipe whose file descriptor is the first argument, with as many threads as the second says."""
    descriptor, threads = (int(argument) for argument in arguments)
    _die_with_parent()
    pipe: Connection[Any, Any] = Connection(descriptor)
    images: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, images), daemon=True).start()
    reader = PageReader(threads)
    while True:
        pipe.send_bytes(json.dumps(answer(reader, images.get())).encode())


def answer(reader: PageReader, image: bytes) -> dict[str, Any]:
    """Return the page as JSON-ready values, or the reason why the image can never be read."""
    try:
        return dataclasses.asdict(reader.read(image))
    except RefusedError as refusal:
        return {"refused": str(refusal)}


def _receive(pipe: "Connection[Any, Any]", images: "queue.SimpleQueue[bytes]") -> None:
    """Wait beside the reader, so that a closed pipe ends the process even in the middle of a page."""
    while True:
        try:
            images.put(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
