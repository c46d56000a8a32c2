"""The package indexes that pip on this machine is told to use."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

PYPI = "https://pypi.org/simple"
SECONDS_FOR_PIP = 60

# pip's own order, the later wins: [global], then the command's section, then PIP_* variables.
_SECTIONS = ("global", "install", ":env:")
_LINE = re.compile(r"^(?P<section>:env:|\w+)\.(?P<name>[\w-]+)=(?P<value>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PackageIndexes:
    """Where pip looks for packages and whom it trusts there."""

    urls: tuple[str, ...] = (PYPI,)
    trusted_hosts: tuple[str, ...] = ()
    certificates: str | None = None
    """A file of authorities to trust instead of the usual ones."""


def configured_indexes() -> PackageIndexes:
    """Return what pip's configuration files and PIP_* variables say; only the variables where pip is not installed."""
    try:
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS_FOR_PIP,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        listed = variables_as_listed(os.environ)
    return parse_indexes(listed)


def parse_indexes(listed: str) -> PackageIndexes:
    """Return the indexes in what ``pip config list`` prints: ``section.name='value'`` lines."""
    chosen: dict[str, str] = {}
    found = sorted(
        (line for line in _LINE.finditer(listed) if line["section"] in _SECTIONS),
        key=lambda line: _SECTIONS.index(line["section"]),
    )
    for line in found:
        chosen[line["name"]] = str(ast.literal_eval(line["value"]))
    main = [] if chosen.get("no-index", "") in ("1", "true", "yes", "on") else [chosen.get("index-url", PYPI)]
    return PackageIndexes(
        urls=(*main, *chosen.get("extra-index-url", "").split()),
        trusted_hosts=tuple(chosen.get("trusted-host", "").split()),
        certificates=chosen.get("cert"),
    )


def variables_as_listed(environment: Mapping[str, str]) -> str:
    """Return the PIP_* variables in the form of ``pip config list``."""
    return "".join(
        f":env:.{name[4:].lower().replace('_', '-')}={value!r}\n"
        for name, value in environment.items()
        if name.startswith("PIP_")
    )
