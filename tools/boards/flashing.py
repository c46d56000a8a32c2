"""Firmware and identity onto a board: only what differs is sent, and all of it is verified."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from simulator.board.flash_image import BUNDLE_FILES, SLOTS, compiled_files
from tools.boards.chips import check_chip, libraries
from tools.boards.connection import BoardError, Connection, FlashFullError

Progress = Callable[[str, int, int], None]

MAIN = "main.py"
# A firmware on trial would be started in place of what is written now.
TRIAL = "trial"

# Prints the SHA-256 of every file that the firmware consists of, one a line.
_LOOK = """
import hashlib, os
def look(path):
 if os.stat(path)[0] & 0x4000:
  for entry in os.ilistdir(path):
   look(path + '/' + entry[0])
  return
 digest = hashlib.sha256()
 with open(path, 'rb') as file:
  while True:
   part = file.read(512)
   if not part:
    break
   digest.update(part)
 print(''.join(['%02x' % byte for byte in digest.digest()]), path)
for top in ('a', 'b', 'config', 'lib/umqtt', 'main.py', 'slot', 'trial'):
 try:
  look(top)
 except OSError:
  pass
"""
# Empties what is the firmware's, and leaves what a board has from its maker or its owner, such as boot.py.
_ERASE = """
import os
def erase(path):
 for entry in os.ilistdir(path):
  name = path + '/' + entry[0]
  if entry[1] & 0x4000:
   erase(name)
   os.rmdir(name)
  else:
   os.remove(name)
for top in ('a', 'b', 'config', 'state'):
 try:
  erase(top)
 except OSError:
  pass
"""
_MAKE_FOLDER = "import os\ntry:\n os.mkdir(%r)\nexcept OSError:\n pass"
_THING = (
    "import json\ntry:\n print(json.load(open('config/device.json'))['thing'])\nexcept (OSError, ValueError):\n pass"
)


@dataclass(frozen=True, slots=True)
class Flashed:
    """What was done: files in all, files sent, their bytes."""

    files: int
    sent: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a board lacks: files to send, in order, and files to remove first."""

    send: tuple[str, ...]
    remove: tuple[str, ...]


def check_bundle(bundle: Path) -> str:
    """Return the name of the board whose identity this is; raises BoardError when it is no board's, or not whole."""
    missing = [name for name in BUNDLE_FILES if not (bundle / name).is_file()]
    if missing:
        raise BoardError(
            f"expected a board's bundle in {bundle}, found no {', '.join(missing)}: pillarbox provision board"
        )
    try:
        device = json.loads((bundle / "device.json").read_text())
        certificate = x509.load_der_x509_certificate((bundle / "cert.der").read_bytes())
        key = serialization.load_der_private_key((bundle / "key.der").read_bytes(), password=None)
    except ValueError as error:
        raise BoardError(f"expected a whole bundle in {bundle}, got a damaged one: make it anew") from error
    if device.get("kind") != "board":
        raise BoardError(f"expected the bundle of a board, got that of a {device.get('kind')}")
    thing = str(device.get("thing"))
    names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if certificate.public_key() != key.public_key() or thing not in names:
        raise BoardError(f"expected certificate and key of {thing} in {bundle}, got those of {', '.join(names)}")
    return thing


def broker_host(bundle: Path) -> str:
    """Return where the board of a bundle looks for its broker."""
    return str(json.loads((bundle / "device.json").read_text())["host"])


def flash(connection: Connection, bundle: Path, progress: Progress, *, erase: bool = False) -> Flashed:
    """Make the board's flash that of this firmware and bundle; what the board wrote itself stays.

    Raises BoardError; also when the board has another identity, whose journal it would send as its own, unless that is
    to be erased.
    """
    thing = check_bundle(bundle)
    check_chip(connection, bundle)
    _check_identity(connection, thing, erase=erase)
    with tempfile.TemporaryDirectory() as scratch:
        files = (*compiled_files(Path(scratch), bundle), *libraries(bundle, Path(scratch)))
        wanted = {target: source.read_bytes() for source, target in files}
    plan = plan_of(_digests(wanted), _present(connection))
    _check_room(connection, wanted)
    _carry_out(connection, wanted, plan, progress)
    _verify(connection, wanted)
    return Flashed(len(wanted), len(plan.send), sum(len(wanted[path]) for path in plan.send))


def plan_of(wanted: Mapping[str, str], present: Mapping[str, str]) -> Plan:
    """Return what has to be done; both map paths to digests.

    While files of the firmware change there is no main.py: a board that was unplugged half way waits at its prompt
    instead of running half a firmware.
    """
    send = [path for path, digest in wanted.items() if present.get(path) != digest and path != MAIN]
    remove = [path for path in present if path not in wanted and path.split("/")[0] in (*SLOTS, TRIAL)]
    is_main_due = bool(send) or bool(remove) or present.get(MAIN) != wanted[MAIN]
    if is_main_due and MAIN in present:
        remove.insert(0, MAIN)
    return Plan(tuple(send) + ((MAIN,) if is_main_due else ()), tuple(remove))


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def _present(connection: Connection) -> dict[str, str]:
    lines = (line.split(" ", 1) for line in connection.run(_LOOK).splitlines())
    return {path: digest for digest, path in lines}


def _check_identity(connection: Connection, thing: str, *, erase: bool) -> None:
    found = connection.run(_THING).strip()
    if erase:
        connection.run(_ERASE)
    elif found and found != thing:
        raise BoardError(
            f"expected the board to be new or {thing}, got {found}; --erase forgets its events and makes it {thing}"
        )


def _check_room(connection: Connection, wanted: Mapping[str, bytes]) -> None:
    connection.run("import os")
    block_bytes, blocks = connection.ask("os.statvfs('/')[1:3]")
    needed = sum(map(len, wanted.values()))
    if needed > block_bytes * blocks:
        raise FlashFullError(f"expected a flash of more than {needed} bytes, got one of {block_bytes * blocks}")


def _carry_out(connection: Connection, wanted: Mapping[str, bytes], plan: Plan, progress: Progress) -> None:
    for path in plan.remove:
        connection.run(f"import os\nos.remove({path!r})")
    for folder in sorted({folder for path in plan.send for folder in _folders(path)}):
        connection.run(_MAKE_FOLDER % folder)
    total, done = sum(len(wanted[path]) for path in plan.send), 0
    for path in plan.send:
        try:
            connection.write(path, wanted[path], partial(_add, progress, done, total))
        except FlashFullError as error:
            raise FlashFullError(
                f"expected room for {total - done} more bytes on the board, but its flash is full: "
                "remove other files (mpremote fs rm) and flash again"
            ) from error
        done += len(wanted[path])


def _add(progress: Progress, before: int, total: int, sent: int, _size: int) -> None:
    progress("sending", before + sent, total)


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _verify(connection: Connection, wanted: Mapping[str, bytes]) -> None:
    present = _present(connection)
    wrong = [path for path, digest in _digests(wanted).items() if present.get(path) != digest]
    if wrong:
        raise BoardError(f"expected what was sent on the board, got other content in {', '.join(wrong)}: flash again")
