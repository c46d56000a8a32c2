"""``If-Match`` (RFC 9110 section 13.1.1): a change is made of the version that its sender has seen, or not at all."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Header

from cloud.errors import OutdatedError

ANY = "*"

IfMatch = Annotated[
    str | None,
    Header(description="ETag of what is to be changed, as it was read; 412 once it is another (RFC 9110 13.1.1)"),
]


@dataclass(frozen=True, slots=True)
class Condition:
    """The versions of which a change may be made; None for any, asked for or not."""

    tags: frozenset[str] | None = None

    def check(self, current: str) -> None:
        """Raise OutdatedError unless the current version is one of them (strong comparison)."""
        if self.tags is not None and current not in self.tags:
            came = ", ".join(sorted(self.tags))[:80]
            raise OutdatedError(
                f"If-Match: expected the ETag of what is to be changed, {current}, got {came!r}; "
                "read it again, and decide again"
            )


async def asked_condition(if_match: IfMatch = None) -> Condition:
    """Return the condition of a request (a dependency; async, since FastAPI gives others a thread each)."""
    if if_match is None or if_match.strip() == ANY:
        return Condition()
    return Condition(frozenset(one.strip() for one in if_match.split(",")))
