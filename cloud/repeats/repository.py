"""All SQL about the keys of repeated requests."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from cloud.errors import ConflictError
from cloud.http_tables import idempotency_keys
from cloud.ports.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request that was answered before."""

    fingerprint: str
    answer: str
    created_at: int


class IdempotencyRepository:
    """The keys of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now

    def find(self, household_id: str, key_hash: str) -> KnownRequest | None:
        """Return the household's request with this key."""
        columns = (idempotency_keys.c.fingerprint, idempotency_keys.c.answer, idempotency_keys.c.created_at)
        query = select(*columns).where(
            idempotency_keys.c.household_id == household_id, idempotency_keys.c.key_hash == key_hash
        )
        row = self._connection.execute(query).first()
        return KnownRequest(row.fingerprint, row.answer, row.created_at) if row else None

    def add(self, household_id: str, key_hash: str, fingerprint: str, answer: str) -> None:
        """Insert an answered request; raises ConflictError when another process does so at the same time."""
        values = {"household_id": household_id, "key_hash": key_hash, "fingerprint": fingerprint, "answer": answer}
        try:
            self._connection.execute(idempotency_keys.insert().values(**values, created_at=self._now))
        except IntegrityError as error:
            raise ConflictError("Idempotency-Key: expected one request at a time with a key, got two") from error

    def forget_before(self, time: int) -> None:
        """Delete the keys that were used before this time (Unix ms), whoever's they are."""
        self._connection.execute(idempotency_keys.delete().where(idempotency_keys.c.created_at <= time))
