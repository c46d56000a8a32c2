"""``Idempotency-Key``: a POST that is sent again, because its answer was lost, is answered again and done once."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Request

from cloud.errors import RefusedError
from cloud.ports.database import Database, UnitOfWork
from cloud.repeats.repository import IdempotencyRepository

KEEP_MS = 24 * 3600 * 1000
KEY_HEADER = "idempotency-key"

KeyHeader = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="the same for every try of one request; kept for a day"),
]
Answer = dict[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may come again; without a key it is done each time."""

    household_id: str
    key_hash: str | None
    fingerprint: str


def asked(household_id: str, key: str | None, request: Request, body: str) -> Asked:
    """Return the request as it is remembered: neither the key nor the body is kept, only their hashes."""
    query = "&".join(f"{name}={value}" for name, value in sorted(request.query_params.multi_items()))
    whole = f"{request.method} {request.url.path}?{query}\n{body}"
    return Asked(household_id, _hash(key) if key else None, _hash(whole))


def once(unit_of_work: UnitOfWork, request: Asked, act: Callable[[], Answer]) -> Answer:
    """Return the answer given before to this very request, else that of ``act``; key and effect are committed together.

    Raises RefusedError when the key was used for another request.
    """
    known = recalled(unit_of_work, request)
    if known is not None:
        return known
    answer = act()
    remember(unit_of_work, request, answer)
    return answer


def remember(unit_of_work: UnitOfWork, request: Asked, answer: Answer) -> None:
    """Keep what a request is answered for when it comes again; it is stored as it is, so no secret may be in it."""
    if request.key_hash is not None:
        keys = IdempotencyRepository(unit_of_work)
        keys.forget_before(unit_of_work.now - KEEP_MS)
        keys.add(request.household_id, request.key_hash, request.fingerprint, json.dumps(answer))


def forget_old_keys(database: Database) -> None:
    """Delete the keys that are kept no longer, where nobody has used another since."""
    with database.write() as unit_of_work:
        IdempotencyRepository(unit_of_work).forget_before(unit_of_work.now - KEEP_MS)


def recalled(unit_of_work: UnitOfWork, request: Asked) -> Answer | None:
    """Return the answer given to this very request within a day; raises RefusedError for another with its key."""
    if request.key_hash is None:
        return None
    known = IdempotencyRepository(unit_of_work).find(request.household_id, request.key_hash)
    if known is None or known.created_at <= unit_of_work.now - KEEP_MS:
        return None
    if known.fingerprint != request.fingerprint:
        expected = "expected a new key for a new request, got that of another request"
        raise RefusedError(f"Idempotency-Key: {expected}", field=f"header.{KEY_HEADER}")
    return dict(json.loads(known.answer))


def is_repeat(database: Database, request: Asked) -> bool:
    """Return whether a request was answered within a day, so that it counts no more; raises as ``recalled``."""
    with database.read() as unit_of_work:
        return recalled(unit_of_work, request) is not None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
