"""How often is too often: token buckets by account and by address, one row each, so every process counts alike."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from cloud.accounts.model import token_hash
from cloud.accounts.repository import BucketRepository
from cloud.errors import Quota, RateLimitedError
from cloud.ports.database import Database, UnitOfWork

MINUTE_MS = 60 * 1000
# At a time, so that nobody has to clear up after thousands.
MOST_FORGOTTEN = 100
HOUR_MS, DAY_MS = 60 * MINUTE_MS, 24 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket of ``burst`` tokens that an empty one regains in ``refill_ms``."""

    name: str
    burst: int
    refill_ms: int

    @property
    def quota(self) -> Quota:
        """Return what callers are told of the limit."""
        return Quota(self.name, self.burst, -(-self.refill_ms // 1000))


LOGIN_OF_ACCOUNT = Limit("login account", 10, 15 * MINUTE_MS)
LOGIN_FROM_ADDRESS = Limit("login address", 100, 15 * MINUTE_MS)
REFRESH_OF_LOGIN = Limit("refresh login", 100, HOUR_MS)
REGISTER_FROM_ADDRESS = Limit("register address", 100, HOUR_MS)
# Anybody may use it up, and each mail ends the link of the one before. So one follows before the last link expires:
# whoever cannot ask has a link that serves.
RESET_OF_ACCOUNT = Limit("reset account", 3, 2 * HOUR_MS)
RESET_FROM_ADDRESS = Limit("reset address", 30, HOUR_MS)
NEW_EMAIL_OF_USER = Limit("new e-mail user", 10, HOUR_MS)
INVITE_OF_HOUSEHOLD = Limit("invite household", 20, DAY_MS)
CLAIM_BY_USER = Limit("claim user", 10, HOUR_MS)
CLAIM_FROM_ADDRESS = Limit("claim address", 30, HOUR_MS)
NOTIFY_BY_HOUSEHOLD = Limit("notification household", 60, HOUR_MS)
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


@dataclass(frozen=True, slots=True)
class Block:
    """Tokens that were taken together; where there was none, ``wait_ms`` is the time until there is one."""

    tokens: int
    wait_ms: int = 0


def after_taking(full_at: int, now: int, limit: Limit) -> int:
    """Return when a bucket that is full at ``full_at`` is full again after one token more was taken (Unix ms).

    A bucket needs no count of its tokens: the time until it is full says how many are gone (GCRA, ITU-T I.371).
    """
    return max(full_at, now) + limit.refill_ms // limit.burst


def wait_ms(full_at: int, now: int, limit: Limit) -> int:
    """Return how long until a token is there, 0 when one is."""
    return max(after_taking(full_at, now, limit) - now - limit.refill_ms, 0)


def api_limit(per_minute: int, burst: int) -> Limit:
    """Return the limit of callers who may send ``burst`` requests at once, and so many a minute for ever."""
    return Limit("api", burst, -(-burst * MINUTE_MS // per_minute))


def upload_limit(per_day: int) -> Limit:
    """Return the limit of images that a household may upload over HTTP, however many of its people and programs do."""
    return Limit("image household", per_day, DAY_MS)


def block_there(full_at: int, now: int, limit: Limit, most: int) -> tuple[Block, int]:
    """Return what a bucket has of ``most`` tokens, and when it is full again (Unix ms) after they were taken."""
    begin = max(full_at, now)
    regained_ms = limit.refill_ms - (begin - now)
    there = regained_ms * limit.burst // limit.refill_ms
    if there < 1:
        return Block(0, -(-limit.refill_ms // limit.burst) - regained_ms), full_at
    taken = min(there, most)
    return Block(taken), begin + -(-taken * limit.refill_ms // limit.burst)


def take(database: Database, buckets: Iterable[Bucket]) -> None:
    """Take a token from each bucket, or from none and raise RateLimitedError; committed whatever follows."""
    with database.write() as unit_of_work:
        take_within(unit_of_work, buckets)


def take_within(unit_of_work: UnitOfWork, buckets: Iterable[Bucket]) -> None:
    """Take a token from each bucket in the caller's transaction, which a refusal takes back."""
    rows, now = BucketRepository(unit_of_work), unit_of_work.now
    for bucket in _in_order(buckets):
        full_at = rows.full_at(bucket.name_hash)
        if waiting := wait_ms(full_at, now, bucket.limit):
            raise refusal(bucket.limit, -(-waiting // 1000))
        rows.set_full_at(bucket.name_hash, after_taking(full_at, now, bucket.limit))
    # Last, and without waiting: whoever waits for us must not be waited for.
    rows.forget_full(now, MOST_FORGOTTEN)


def take_blocks(unit_of_work: UnitOfWork, buckets: Iterable[Bucket], most: int) -> dict[Bucket, Block]:
    """Take up to ``most`` tokens from each bucket; a block of none where a bucket is empty."""
    rows, now = BucketRepository(unit_of_work), unit_of_work.now
    blocks = {}
    for bucket in _in_order(buckets):
        blocks[bucket], full_at = block_there(rows.full_at(bucket.name_hash), now, bucket.limit, most)
        rows.set_full_at(bucket.name_hash, full_at)
    rows.forget_full(now, MOST_FORGOTTEN)
    return blocks


def give_back(unit_of_work: UnitOfWork, buckets: Iterable[Bucket]) -> None:
    """Put a token back into each bucket: only failures count."""
    rows = BucketRepository(unit_of_work)
    for bucket in _in_order(buckets):
        full_at = rows.full_at(bucket.name_hash) - bucket.limit.refill_ms // bucket.limit.burst
        rows.set_full_at(bucket.name_hash, full_at)


def write_nothing(unit_of_work: UnitOfWork) -> None:
    """Insert a bucket of nobody, full already, which the next who take tokens delete: a write that means nothing."""
    BucketRepository(unit_of_work).add_full(token_hash(unit_of_work.new_id()))


def refusal(limit: Limit, retry_after_s: int) -> RateLimitedError:
    """Return the error of a bucket that is empty for so many seconds more."""
    return RateLimitedError(
        f"too many tries; expected the next one in {retry_after_s} s or later", retry_after_s, limit.quota
    )


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


def _in_order(buckets: Iterable[Bucket]) -> list[Bucket]:
    """Return the buckets in one order for all, so that two transactions never wait for each other."""
    return sorted(buckets, key=lambda one: one.name_hash)
