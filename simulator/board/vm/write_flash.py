"""Copy files onto a flash file: arguments are "format" or "update", the file, and a JSON list of [from, to]."""

import json
import os
import sys

import vfs
from flash import FlashFile

_CHUNK_BYTES = 4096


def make_folders(path: str) -> None:
    """Make the folders above ``path`` that are not there yet."""
    parts = path.split("/")[1:-1]
    for count in range(2, len(parts) + 1):
        try:
            os.mkdir("/" + "/".join(parts[:count]))
        except OSError:
            pass  # made for an earlier file


def copy(source: str, target: str) -> None:
    """Copy one file."""
    make_folders(target)
    with open(source, "rb") as reader, open(target, "wb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            writer.write(chunk)


def main() -> None:
    """Copy everything under /flash, the host's files staying at /."""
    task, flash, listing = sys.argv[1:]
    device = FlashFile(flash)
    if task == "format":
        vfs.VfsLfs2.mkfs(device)
    vfs.mount(vfs.VfsLfs2(device), "/flash")
    with open(listing) as file:
        for source, target in json.load(file):
            copy(source, "/flash/" + target)
    vfs.umount("/flash")


main()
