"""Generate docs/access.md, who may do what, from docs/openapi.json.

``python -m tools.check.access_docs [--check]``
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

from cloud.accounts.model import SCOPES_OF_ROLE
from tools.check.openapi import SNAPSHOT

PAGE = SNAPSHOT.with_name("access.md")
ROLES = ("viewer", "member", "owner")
# Who tries everything in the tests: how many callers, and how many requests each of them sends.
TRIED = {
    "nobody": (1, 75),
    "what is no credential": (26, 75),
    "what has ended": (10, 75),
    "members": (6, 75),
    "API keys": (12, 75),
    "another household": (12, 75),
    "x-household of another": (4, 75),
    "another website": (5, 75),
    "other methods": (2, 305),
    "pages: no session": (9, 44),
    "pages: members": (3, 44),
    "pages: another household": (3, 44),
    "pages: another website": (5, 44),
}

Operation = dict[str, Any]


def main(arguments: list[str], file: Path = PAGE) -> int:
    """Write the page, or with ``--check`` only say whether it is up to date."""
    current = page()
    if "--check" not in arguments:
        file.write_text(current, encoding="utf-8")
        return 0
    if file.exists() and file.read_text(encoding="utf-8") == current:
        return 0
    print(f"{file.name} is not what {SNAPSHOT.name} says; run python -m tools.check.access_docs")
    return 1


def page() -> str:
    """Return the text of the page."""
    operations = list(_operations())
    table = "\n".join(_row(name, one) for name, one in operations if "x-scope" in one)
    nothing = ", ".join(f"`{name}`" for name, one in operations if "x-scope" not in one)
    template = Template(Path(__file__).with_name("access.md.template").read_text(encoding="utf-8"))
    return template.substitute(table=table, open=nothing, groups="\n".join(_groups()))


def _operations() -> Iterator[tuple[str, Operation]]:
    for path, operations in json.loads(SNAPSHOT.read_text(encoding="utf-8"))["paths"].items():
        for method, one in operations.items():
            yield f"{method.upper()} {path}", one


def _row(name: str, one: Operation) -> str:
    scope = one["x-scope"]
    roles = ["yes" if scope in SCOPES_OF_ROLE[role] else "" for role in ROLES]
    return f"| `{name}` | {' | '.join(roles)} | {'' if one.get('x-person') else scope} |"


def _groups() -> Iterator[str]:
    for name, (callers, requests) in TRIED.items():
        yield f"| {name} | {callers} | {requests} | {callers * requests:,} |"
    callers = sum(many for many, _ in TRIED.values())
    yield f"| together | {callers} | | {sum(many * each for many, each in TRIED.values()):,} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
