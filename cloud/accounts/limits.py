"""How often is too often: token buckets by account and by address, one row each, so every process counts alike."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from cloud.accounts.model import token_hash
from cloud.accounts.repository import BucketRepository
from cloud.errors import RateLimitedError
from cloud.ports.database import Database, UnitOfWork

MINUTE_MS = 60 * 1000
HOUR_MS, DAY_MS = 60 * MINUTE_MS, 24 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket of ``burst`` tokens that an empty one regains in ``refill_ms``."""

    name: str
    burst: int
    refill_ms: int


LOGIN_OF_ACCOUNT = Limit("login account", 10, 15 * MINUTE_MS)
LOGIN_FROM_ADDRESS = Limit("login address", 100, 15 * MINUTE_MS)
REGISTER_FROM_ADDRESS = Limit("register address", 100, HOUR_MS)
RESET_OF_ACCOUNT = Limit("reset account", 3, HOUR_MS)
RESET_FROM_ADDRESS = Limit("reset address", 30, HOUR_MS)
INVITE_OF_HOUSEHOLD = Limit("invite household", 20, DAY_MS)
CLAIM_BY_USER = Limit("claim user", 10, HOUR_MS)
CLAIM_FROM_ADDRESS = Limit("claim address", 30, HOUR_MS)
MAIL_TO_RECIPIENT = Limit("mail recipient", 10, DAY_MS)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket of one account, address or household."""

    limit: Limit
    of: str

    @property
    def name_hash(self) -> str:
        """Return its row's name; no address of anybody is kept."""
        return token_hash(f"{self.limit.name} {self.of}")


def after_taking(full_at: int, now: int, limit: Limit) -> int:
    """Return when a bucket that is full at ``full_at`` is full again after one token more was taken (Unix ms).

    A bucket needs no count of its tokens: the time until it is full says how many are gone (GCRA, ITU-T I.371).
    """
    return max(full_at, now) + limit.refill_ms // limit.burst


def wait_ms(full_at: int, now: int, limit: Limit) -> int:
    """Return how long until a token is there, 0 when one is."""
    return max(after_taking(full_at, now, limit) - now - limit.refill_ms, 0)


def take(database: Database, buckets: Iterable[Bucket]) -> None:
    """Take a token from each bucket, or from none and raise RateLimitedError; committed whatever follows."""
    with database.write() as unit_of_work:
        take_within(unit_of_work, buckets)


def take_within(unit_of_work: UnitOfWork, buckets: Iterable[Bucket]) -> None:
    """Take a token from each bucket in the caller's transaction, which a refusal takes back."""
    rows, now = BucketRepository(unit_of_work), unit_of_work.now
    # In one order for all, so that two transactions never wait for each other.
    for bucket in sorted(buckets, key=lambda one: one.name_hash):
        full_at = rows.full_at(bucket.name_hash)
        if waiting := wait_ms(full_at, now, bucket.limit):
            seconds = -(-waiting // 1000)
            raise RateLimitedError(f"too many tries; expected the next one in {seconds} s or later", seconds)
        rows.set_full_at(bucket.name_hash, after_taking(full_at, now, bucket.limit), now)


def give_back(unit_of_work: UnitOfWork, buckets: Iterable[Bucket]) -> None:
    """Put a token back into each bucket: only failures count."""
    rows = BucketRepository(unit_of_work)
    for bucket in sorted(buckets, key=lambda one: one.name_hash):
        full_at = rows.full_at(bucket.name_hash) - bucket.limit.refill_ms // bucket.limit.burst
        rows.set_full_at(bucket.name_hash, full_at, unit_of_work.now)


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv6 household has a whole /64 to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
