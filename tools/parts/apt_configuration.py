"""What this machine's apt is told: its archives and proxies, read through apt itself, so in either file format."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.parts.cache import PartError

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
SECONDS_FOR_A_QUESTION = 30

# Raspberry Pi's own archives use Debian's codenames but not Debian's signature, and armhf there means ARMv6.
_NOT_DEBIAN = re.compile(r"raspberrypi|raspbian|^cdrom:", re.IGNORECASE)
_IN_RELEASE = re.compile(r"^'(?P<uri>[^']+?)/dists/(?P<suite>[^']+)/InRelease' ", re.MULTILINE)
_PROXY = re.compile(r"^Acquire::https?::\S*Proxy\S* \"[^\"]*\";$", re.MULTILINE | re.IGNORECASE)
_POCKET = re.compile(r"(-updates|-security|/updates|-backports.*|-proposed-updates)$")


@dataclass(frozen=True, slots=True)
class Source:
    """One suite of one archive, as apt names them."""

    uri: str
    suite: str


@dataclass(frozen=True, slots=True)
class HostApt:
    """What is taken over from this machine."""

    architecture: str
    codename: str
    sources: tuple[Source, ...]
    proxies: tuple[str, ...]
    keyring: Path


def read_host() -> HostApt:
    """Return what this machine's apt is configured with; needs neither network nor root. Raises PartError."""
    return HostApt(
        architecture=_ask("dpkg", "--print-architecture").strip(),
        codename=parse_codename(Path("/etc/os-release").read_text()),
        sources=tuple(parse_sources(_ask("apt-get", "update", "--print-uris"))),
        proxies=tuple(parse_proxies(_ask("apt-config", "dump"))),
        keyring=archive_keyring(),
    )


def parse_codename(os_release: str) -> str:
    """Return VERSION_CODENAME of an os-release(5) file, empty when the system has none."""
    found = re.search(r'^VERSION_CODENAME="?([a-z0-9.-]*)', os_release, re.MULTILINE)
    return found[1] if found else ""


def archive_keyring(candidates: Iterable[Path] = KEYRINGS) -> Path:
    """Return the keyring of Debian's archive; raises PartError with the apt line when it is not installed."""
    for keyring in candidates:
        if keyring.is_file():
            return keyring
    raise PartError(
        f"expected Debian's archive keys in {KEYRINGS[0]}, got no such file;"
        " run: sudo apt-get install debian-archive-keyring"
    )


def parse_sources(printed: str) -> list[Source]:
    """Return the sources in what ``apt-get update --print-uris`` prints, in its order, each once."""
    return list(dict.fromkeys(Source(found["uri"], found["suite"]) for found in _IN_RELEASE.finditer(printed)))


def parse_proxies(dumped: str) -> list[str]:
    """Return the proxy lines in what ``apt-config dump`` prints."""
    return _PROXY.findall(dumped)


def debian_archives(sources: Iterable[Source]) -> list[str]:
    """Return the archives that may be Debian's, likeliest first; apt's signature check has the last word.

    Debian's mirrors end in ``/debian`` by the rules of https://www.debian.org/mirror/ftpmirror.
    """
    bases = dict.fromkeys(
        source.uri for source in sources if not _NOT_DEBIAN.search(source.uri) and not _POCKET.search(source.suite)
    )
    return sorted(bases, key=lambda uri: not uri.endswith("/debian"))


def suites_of_host(archive: str, sources: Iterable[Source], codename: str) -> list[Source]:
    """Return release ``codename`` (or the first) of ``archive`` with its updates and security, as far as configured."""
    known = list(sources)
    releases = [source.suite for source in known if source.uri == archive and not _POCKET.search(source.suite)]
    release = codename if codename in releases else releases[0]
    wanted = [Source(archive, release), Source(archive, f"{release}-updates")]
    security = [
        source for source in known if source.suite == f"{release}-security" and not _NOT_DEBIAN.search(source.uri)
    ]
    return [source for source in wanted if source in known] + security[:1]


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the callers pass fixed words, never a person's input
            command,
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS_FOR_A_QUESTION,
        )
    except FileNotFoundError as error:
        raise PartError(f"expected {command[0]} on this machine, got none; use Debian or Raspberry Pi OS") from error
    except subprocess.SubprocessError as error:
        raise PartError(f"expected an answer from {' '.join(command)}, got {error}") from error
    return done.stdout
