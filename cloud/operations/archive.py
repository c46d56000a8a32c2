"""The file of a backup: a tar of files, whose last one is a manifest with the SHA-256 of all others."""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from cloud.errors import RefusedError

FORMAT, VERSION = "pillarbox-backup", 1
MANIFEST = "manifest.json"
# The largest manifest, of some million images, is a tenth of this; a foreign tar may hold anything under its name.
MOST_MANIFEST_BYTES = 4 * 2**30
CHUNK_BYTES = 1 << 20
_NAME = re.compile(r"(?:tables|images|keys|pki|outbox)(?:/(?!\.)[A-Za-z0-9._@+-]+)+|update\.pem")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the backup."""

    bytes: int
    sha256: str


@dataclass(slots=True)
class Manifest:
    """What a backup holds.

    ``revision`` is the schema's, ``made_at`` Unix ms, ``tables`` counts rows, ``missing`` names images whose rows are
    there and whose files were lost before.
    """

    revision: str
    made_at: int
    tables: dict[str, int] = field(default_factory=dict)
    files: dict[str, Entry] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


class ArchiveWriter:
    """A backup that is being written to ``file``; it is one only once ``finish`` has returned."""

    def __init__(self, file: IO[bytes], manifest: Manifest) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by finish
        self.manifest = manifest

    def add(self, name: str, content: IO[bytes], size: int) -> None:
        """Add one file of ``size`` bytes; names are checked here, so that what was backed up can be restored."""
        _check_name(name)
        hashed = _Hashed(content)
        self._tar.addfile(_header(name, size), hashed)
        self.manifest.files[name] = Entry(size, hashed.sha256.hexdigest())

    def finish(self) -> None:
        """Write the manifest and the end."""
        body = asdict(self.manifest)
        whole = {"format": FORMAT, "version": VERSION, "sha256": _digest(body), "manifest": body}
        content = json.dumps(whole).encode()
        self._tar.addfile(_header(MANIFEST, len(content)), io.BytesIO(content))
        self._tar.close()


class Archive:
    """A whole backup in the file ``path``, its manifest read; ``check`` reads the rest."""

    def __init__(self, path: Path) -> None:
        """Open it; raises RefusedError for a file that is none, is cut, or is of a newer program."""
        self._path = path
        with ExitStack() as opened:
            try:
                self._tar = opened.enter_context(tarfile.open(path, mode="r:"))
                member = self._tar.getmember(MANIFEST)
            except OSError as error:
                raise RefusedError(f"expected a whole backup in {path}: {error.strerror}") from error
            except (tarfile.TarError, KeyError) as error:
                raise RefusedError(f"expected a whole backup in {path}, it is cut off or none: {error}") from error
            self.manifest = _manifest(path, self._read(member))
            self.close = opened.pop_all().close

    def check(self) -> Iterator[str]:
        """Yield the name of each file once its bytes are found to be those that were written; raises RefusedError."""
        seen = set()
        for member in self._tar:
            if member.name == MANIFEST:
                continue
            _check_name(member.name)
            entry = self.manifest.files.get(member.name)
            if entry is None or not member.isreg() or _hash(self._open(member)) != (entry.bytes, entry.sha256):
                raise RefusedError(f"expected {member.name} in {self._path} as it was backed up, it was altered")
            seen.add(member.name)
            yield member.name
        lost = sorted(self.manifest.files.keys() - seen)
        if lost:
            raise RefusedError(f"expected {len(self.manifest.files)} files in {self._path}, {lost[0]} is missing")

    def open(self, name: str) -> IO[bytes]:
        """Return one file for reading."""
        return self._open(self._tar.getmember(name))

    def _read(self, member: tarfile.TarInfo) -> bytes:
        if member.size > MOST_MANIFEST_BYTES:
            raise RefusedError(f"expected a backup in {self._path}, its manifest is too large to be one")
        return self._open(member).read()

    def _open(self, member: tarfile.TarInfo) -> IO[bytes]:
        content = self._tar.extractfile(member)
        if content is None:
            raise RefusedError(f"expected a file named {member.name} in {self._path}, got something else")
        return content


class _Hashed(io.RawIOBase):
    """What is read through it is hashed."""

    def __init__(self, content: IO[bytes]) -> None:
        super().__init__()
        self._content = content
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._content.read(size)
        self.sha256.update(chunk)
        return chunk


def _manifest(path: Path, content: bytes) -> Manifest:
    try:
        whole = json.loads(content)
        known, body = (whole["format"], whole["version"]), whole["manifest"]
        if known == (FORMAT, VERSION) and whole["sha256"] == _digest(body):
            files = {name: Entry(**entry) for name, entry in body.pop("files").items()}
            return Manifest(**body, files=files)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RefusedError(f"expected a backup of Pillarbox in {path}, its manifest is none: {error!r}") from error
    if known == (FORMAT, VERSION):
        raise RefusedError(f"expected the manifest in {path} as it was written, it was altered")
    raise RefusedError(f"expected a {FORMAT} of version {VERSION} in {path}, got {known[0]!r} of version {known[1]!r}")


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _hash(content: IO[bytes]) -> tuple[int, str]:
    size, sha256 = 0, hashlib.sha256()
    while chunk := content.read(CHUNK_BYTES):
        size += len(chunk)
        sha256.update(chunk)
    return size, sha256.hexdigest()


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise RefusedError(f"expected a file of Pillarbox's data folder, got {name!r:.200}")


def _header(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info
