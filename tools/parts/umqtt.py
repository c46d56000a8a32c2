"""umqtt.simple, MicroPython's MQTT client: frozen into ESP32 firmware, fetched here for the simulator."""

import hashlib
import io
import ssl
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
from unearth import Link, PackageFinder
from unearth.auth import MultiDomainBasicAuth
from unearth.fetchers.sync import PyPIClient

from tools.parts.cache import PartError, Progress, cache_folder, install_part, silent
from tools.parts.pip_configuration import PackageIndexes, configured_indexes

REQUIREMENT = "micropython-umqtt.simple==1.3.4"
# Of the source archive as PyPI serves it. It has no setup.py, so pip can neither install nor download it.
SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
MODULE = Path("umqtt") / "simple.py"
MAX_BYTES = 100_000
SECONDS_TO_ANSWER = 60.0


def find_umqtt() -> Path | None:
    """Return the cached folder that holds ``umqtt/simple.py``, None before it was fetched."""
    folder = cache_folder() / "umqtt"
    return folder if (folder / MODULE).is_file() else None


def fetch_umqtt(
    progress: Progress = silent,
    *,
    cache: Path | None = None,
    indexes: PackageIndexes | None = None,
    sha256: str = SHA256,
) -> Path:
    """Return the folder that holds ``umqtt/simple.py``, fetched from pip's index when absent; raises PartError."""
    folder = (cache or cache_folder()) / "umqtt"

    def build(unfinished: Path) -> None:
        progress(f"fetching {REQUIREMENT}")
        module = unfinished / MODULE
        module.parent.mkdir()
        module.write_bytes(read_module(download(indexes or configured_indexes(), sha256)))

    install_part(folder, build, (folder / MODULE).is_file, progress)
    return folder


def download(indexes: PackageIndexes, sha256: str = SHA256) -> bytes:
    """Return the source archive whose SHA-256 we know, from the first index that has it; raises PartError."""
    came = []
    with _client(indexes) as client:
        for url in indexes.urls:
            try:
                for archive in _archives(client, url):
                    if (digest := hashlib.sha256(archive).hexdigest()) == sha256:
                        return archive
                    came.append(f"{digest} from {Link(url).redacted}")
            except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
                came.append(f"{error} from {Link(url).redacted}")
    raise PartError(
        f"expected {REQUIREMENT} with SHA-256 {sha256}, got {'; '.join(came) or 'no such package'};"
        f" looked at {', '.join(Link(url).redacted for url in indexes.urls) or 'no index'}: check pip's index-url"
    )


def read_module(archive: bytes) -> bytes:
    """Return ``umqtt/simple.py`` out of a source archive; no path of the archive is ever written to."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
        for member in members:
            if member.isfile() and member.name.endswith(f"/{MODULE.as_posix()}") and member.size <= MAX_BYTES:
                content = members.extractfile(member)
                if content is not None:
                    return content.read()
    raise PartError(f"expected {MODULE} in the source archive of {REQUIREMENT}, got none")


def _client(indexes: PackageIndexes) -> PyPIClient:
    try:
        trust = ssl.create_default_context(cafile=indexes.certificates) if indexes.certificates else True
    except OSError as error:
        raise PartError(f"expected certificates in pip's cert {indexes.certificates}, got {error}") from error
    return PyPIClient(
        trusted_hosts=indexes.trusted_hosts,
        verify=trust,
        timeout=SECONDS_TO_ANSWER,
        follow_redirects=True,
        auth=MultiDomainBasicAuth(index_urls=list(indexes.urls)),
    )


def _archives(client: PyPIClient, url: str) -> Iterator[bytes]:
    finder = PackageFinder(client, index_urls=[url])  # type: ignore[arg-type] # its own client, not quite its Protocol
    for package in finder.find_matches(REQUIREMENT):
        yield client.get(package.link.normalized).raise_for_status().content
