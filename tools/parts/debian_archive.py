"""Debian packages with everything they need, unpacked into a private folder: no root, nothing on the host changed.

apt resolves and verifies, as it does for the system, but on a configuration of its own with an empty package
database, so the whole closure down to libc comes along. Maintainer scripts never run. A wrapper starts the program
through the unpacked dynamic loader, so its libraries need not fit those of the host.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.parts.apt_configuration import HostApt, Source, debian_archives, read_host, suites_of_host
from tools.parts.cache import PartError, Progress, install_part

CHECKSUMS = "SHA256SUMS"
ROOT = "root"
SECONDS_FOR_APT = 540

_FOLDERS_OF_APT = (
    "etc/apt/apt.conf.d",
    "etc/apt/preferences.d",
    "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial",
)


@dataclass(frozen=True, slots=True)
class DebianProgram:
    """A program to unpack: its package, its path in there, and what may stay away."""

    name: str
    package: str
    path: str
    remedy: str
    """What a person can do when it cannot be fetched."""
    suites: tuple[str, ...] = ()
    """Suites to take it from; none means those that the host is configured with."""
    only_for_scripts: tuple[str, ...] = ()
    """Dependencies that only maintainer scripts use, which never run here."""
    may_be_stale: bool = False
    """Whether lists past their date will do: mirrors of a suite that changes daily may be late; signed they must be."""


def wrapper_path(program: DebianProgram, cache: Path) -> Path:
    """Return where the wrapper of ``program`` is once it is unpacked."""
    return cache / program.name / program.name


def unpack_program(
    program: DebianProgram,
    cache: Path,
    usable: Callable[[], bool],
    progress: Progress,
    host: Callable[[], HostApt] = read_host,
) -> Path:
    """Return the wrapper that runs ``program``, unpacking it first unless it is usable; raises PartError."""
    folder = cache / program.name

    def build(unfinished: Path) -> None:
        _unpack_from_any(program, host(), unfinished, progress)
        write_wrapper(unfinished, program, final=folder)

    install_part(folder, build, usable, progress)
    return wrapper_path(program, cache)


def write_wrapper(folder: Path, program: DebianProgram, final: Path) -> None:
    """Write the script that runs the program of ``folder`` from ``final``, its place after the move.

    Its paths are absolute and its shell replaces itself, so a start costs one exec more and the process id
    is the program's.
    """
    loaders = [found for found in (folder / ROOT).rglob("ld-linux*.so*") if found.is_file() and not found.is_symlink()]
    if not loaders or not (folder / ROOT / program.path).is_file():
        raise PartError(f"expected {program.path} and ld-linux in the packages of {program.package}, got none")
    triplet = loaders[0].parent.name
    places = [final / ROOT / place / triplet for place in ("lib", "usr/lib")]
    command = [
        final / ROOT / loaders[0].relative_to(folder / ROOT),
        "--library-path",
        ":".join(str(place) for place in places),
        final / ROOT / program.path,
    ]
    wrapper = folder / program.name
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(str(word) for word in command)} "$@"\n')
    wrapper.chmod(0o755)


def apt_files(work: Path, program: DebianProgram, sources: Sequence[Source], host: HostApt) -> dict[Path, str]:
    """Return the files of a private apt: configuration, sources, and a package database that is all but empty."""
    settings = [
        f'Dir "{work}";',
        f'Dir::State::status "{work}/status";',
        f'APT::Architecture "{host.architecture}";',
        f'APT::Architectures {{ "{host.architecture}"; }};',
        'APT::Install-Recommends "false";',
        'APT::Update::Error-Mode "any";',
        'Acquire::Languages "none";',
        'Acquire::Retries "2";',
        *(('Acquire::Check-Valid-Until "false";',) if program.may_be_stale else ()),
        *host.proxies,
    ]
    return {
        work / "apt.conf": "\n".join(settings) + "\n",
        work / "etc/apt/sources.list.d/debian.sources": "\n".join(_stanza(source, host.keyring) for source in sources),
        work / "status": "\n".join(_as_installed(name) for name in program.only_for_scripts),
    }


def _unpack_from_any(program: DebianProgram, host: HostApt, folder: Path, progress: Progress) -> None:
    archives = debian_archives(host.sources)
    if not archives:
        came = ", ".join(sorted({source.uri for source in host.sources})) or "no archive at all"
        raise PartError(
            f"expected an archive of Debian in this machine's apt configuration, got {came}; {program.remedy}"
        )
    refusals = []
    for archive in archives:
        try:
            return _unpack_from(archive, program, host, folder, progress)
        except PartError as error:
            refusals.append(f"from {archive}: {error}")
    came = "; ".join(refusals)
    raise PartError(
        f"expected the signed package {program.package} of Debian, got {came}; check the network, or {program.remedy}"
    )


def _unpack_from(archive: str, program: DebianProgram, host: HostApt, folder: Path, progress: Progress) -> None:
    sources = [Source(archive, suite) for suite in program.suites]
    with tempfile.TemporaryDirectory(prefix="pillarbox-apt-") as temporary:
        work = Path(temporary)
        _write_apt(
            work, apt_files(work, program, sources or suites_of_host(archive, host.sources, host.codename), host)
        )
        packages = _download(program, work, progress)
        progress(f"unpacking {len(packages)} packages of {program.name}")
        shutil.rmtree(folder / ROOT, ignore_errors=True)
        for package in packages:
            _run(["dpkg-deb", "-x", str(package), str(folder / ROOT)], os.environ)
        sums = (f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {package.name}\n" for package in packages)
        (folder / CHECKSUMS).write_text("".join(sums))


def _write_apt(work: Path, files: Mapping[Path, str]) -> None:
    work.chmod(0o755)  # apt run by root downloads as the user _apt, who must reach the folder
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (work / "apt.conf").chmod(0o600)  # a proxy line may hold a password
    for needed in _FOLDERS_OF_APT:
        (work / needed).mkdir(parents=True, exist_ok=True)


def _download(program: DebianProgram, work: Path, progress: Progress) -> list[Path]:
    environment = {**os.environ, "APT_CONFIG": str(work / "apt.conf"), "LC_ALL": "C"}
    progress(f"reading Debian's package lists for {program.name}")
    _run(["apt-get", "-qq", "update"], environment)
    progress(f"downloading {program.name} and what it needs")
    _run(["apt-get", "-q", "-y", "--download-only", "install", program.package], environment)
    return sorted((work / "var/cache/apt/archives").glob("*.deb"))


def _stanza(source: Source, keyring: Path) -> str:
    # apt uses a file: archive in place; copy: makes it fetch the packages like any other.
    uri = f"copy:{source.uri.removeprefix('file:')}" if source.uri.startswith("file:") else source.uri
    return f"Types: deb\nURIs: {uri}\nSuites: {source.suite}\nComponents: main\nSigned-By: {keyring}\n"


def _as_installed(name: str) -> str:
    return (
        f"Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: 9999\n"
        "Maintainer: none\nDescription: stands in for a package that only maintainer scripts use\n"
    )


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and paths of our own
            command,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=SECONDS_FOR_APT,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise PartError(f"expected {command[0]} to do its work, got {error}") from error
    if done.returncode:
        raise PartError(f"expected {command[0]} to succeed, got: {_said(done) or f'exit code {done.returncode}'}")


def _said(done: subprocess.CompletedProcess[str]) -> str:
    # apt prints unmet dependencies to stdout, and to stderr its faults amid details of them.
    unmet = [line.strip() for line in done.stdout.splitlines() if " Depends: " in line]
    faults = [line for line in done.stderr.splitlines() if line.startswith(("E: ", "W: ", "dpkg-deb: "))]
    return " / ".join((*unmet, *faults))
