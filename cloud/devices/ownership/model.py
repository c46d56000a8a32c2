"""Claim codes, and devices that are nobody's yet."""

from dataclasses import dataclass

from cloud.accounts.model import token_hash
from cloud.errors import RefusedError
from cloud.ports.device_hub import Downlink
from cloud.ports.event_queue import Event

# Crockford's base 32: no I, L, O or U, so that a code read from paper has one meaning.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MISREAD = str.maketrans("ILO", "110", "- ")
# 80 bits: who may guess ten times an hour needs longer than the sun has left, so a plain hash may keep it.
CODE_BYTES = 10
CODE_LENGTH, GROUP = 16, 4


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A provisioned device that no household has claimed."""

    id: str
    thing: str
    kind: str
    certificate_serial: str
    chip: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device that waits to be claimed, times in Unix ms; ``issuer`` is the household that gives out its code.

    Of the code itself only its age is known: when it was made.
    """

    id: str
    thing: str
    kind: str
    provisioned_at: int
    issued_at: int
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device is to go: a household, and the name of a mailbox there, without one the device's own."""

    household_id: str
    mailbox: str | None = None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A device in its new household, by its number there; what it is told, and what follows for the old one."""

    number: int
    downlinks: list[Downlink]
    events: list[Event]


def claim_code(secret: bytes) -> str:
    """Return ``CODE_BYTES`` of randomness as a code to print: four groups of four characters."""
    number = int.from_bytes(secret, "big")
    characters = [ALPHABET[number >> 5 * place & 31] for place in range(CODE_LENGTH)]
    return "-".join("".join(characters[start : start + GROUP]) for start in range(0, CODE_LENGTH, GROUP))


def code_hash(code: str) -> str:
    """Return what is kept of a code, however it is typed; raises RefusedError for what cannot be one."""
    normal = code.upper().translate(MISREAD)
    if len(normal) != CODE_LENGTH or not set(normal) <= set(ALPHABET):
        expected = "expected a claim code of 16 letters and digits, such as 7K2M-0000-0000-0000"
        raise RefusedError(f"code: {expected}, got {len(normal)}", field="body.code")
    return token_hash(f"claim {normal}")
