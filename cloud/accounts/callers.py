"""Who is behind a request's credentials, asked anew with every request: what is revoked is refused at once.

One query answers for all requests of a moment, so each costs little and nothing is kept that could be out of date.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cloud.accounts.model import AdmittedBy, ApiKeyUse, Member
from cloud.accounts.repository import AccountRepository, CallerRepository
from cloud.errors import UnauthorizedError
from cloud.ports.database import UnitOfWork
from cloud.ports.gathering import Gathering
from cloud.ports.group_work import GroupWork, Means

# Who a credential stands for is presumed for so long, and asked again with every request all the same.
PRESUMED_S = 30.0
MOST_PRESUMED = 4096
OUTDATED = "expected credentials that still stand for whom they stood for a moment ago"


class Credential(NamedTuple):
    """What names the caller: a login's id, the hash of a key or session, or an outside issuer's subject and token."""

    by: AdmittedBy
    name: str
    issuer: str = ""
    token_hash: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The caller in each of their households, the one joined first at first; nobody for what is not valid."""

    members: tuple[Member, ...] = ()
    key: ApiKeyUse | None = None
    is_revoked: bool = False


class Claim(NamedTuple):
    """Who somebody is let in as, and with what; checked again in the transaction that does what they ask."""

    credential: Credential
    user_id: str
    household_id: str
    role: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, with the claim that is to be checked where they are only presumed."""

    member: Member
    claim: Claim | None = None


class OutdatedClaimError(UnauthorizedError):
    """A claim is no longer true; nothing was done for it. Who asks is to be looked up anew."""


class Callers:
    """Looks callers up; one per application."""

    def __init__(self, group_work: GroupWork, clock: Callable[[], float] = time.monotonic) -> None:
        self._group_work = group_work
        self._clock = clock
        self._gathering = Gathering(self._found_together)
        self._presumed: dict[Credential, tuple[float, Found]] = {}

    async def found(self, credential: Credential) -> Found:
        """Return who this is; raises RetryLaterError when the database cannot be asked."""
        found = await self._gathering.ask(credential)
        self._presumed.pop(credential, None)  # the newest are last, for those at the front are forgotten
        if found.members:
            self._presumed[credential] = (self._clock() + PRESUMED_S, found)
        while len(self._presumed) > MOST_PRESUMED:
            del self._presumed[next(iter(self._presumed))]
        return found

    def presumed(self, credential: Credential) -> Sequence[Member]:
        """Return who this was a moment ago, nobody where that is not known; none is let in unless it still stands."""
        until, found = self._presumed.get(credential, (0.0, Found()))
        return found.members if self._clock() < until else ()

    async def _found_together(self, credentials: Sequence[Credential]) -> list[Found]:
        found = await self._group_work.run(look_up, tuple(set(credentials)), len(credentials))
        return [found.get(credential, Found()) for credential in credentials]


def claim_of(credential: Credential, member: Member) -> Claim:
    """Return that these credentials are a member's."""
    return Claim(credential, member.user.id, member.household_id, member.role)


def still_stands(unit_of_work: UnitOfWork, claim: Claim) -> bool:
    """Return whether a claim is true, and let nobody end what the user has until this transaction does.

    Of two servers on one database one may set a new password while the other writes: it waits, and ends that too.
    """
    AccountRepository(unit_of_work).hold_user(claim.user_id)
    return not outdated(unit_of_work, {claim})


def outdated(unit_of_work: UnitOfWork, claims: Collection[Claim]) -> set[Claim]:
    """Return those of the claims that are not true in this transaction."""
    found = _look_up_all(CallerRepository(unit_of_work), {claim.credential for claim in claims})
    return {claim for claim in claims if not _is_true(claim, found.get(claim.credential, Found()))}


def look_up(means: Means, credentials: Collection[Credential]) -> dict[Credential, Found]:
    """Return who is behind each of the credentials that are valid."""
    with means.database.read() as unit_of_work:
        return _look_up_all(CallerRepository(unit_of_work), credentials)


def _is_true(claim: Claim, found: Found) -> bool:
    return any(
        (one.user.id, one.household_id, one.role) == (claim.user_id, claim.household_id, claim.role)
        for one in found.members
    )


def _look_up_all(callers: CallerRepository, credentials: Collection[Credential]) -> dict[Credential, Found]:
    sorted_by: dict[tuple[AdmittedBy, str], dict[str, list[Credential]]] = {}
    for one in credentials:
        sorted_by.setdefault((one.by, one.issuer), {}).setdefault(one.name, []).append(one)
    found: dict[Credential, Found] = {}
    for (by, issuer), named in sorted_by.items():
        answers = _found(callers, by, issuer, named)
        found |= {one: answers[name] for name, asked in named.items() for one in asked if name in answers}
    outside = [one for one in credentials if one.token_hash]
    revoked = callers.revoked({one.token_hash for one in outside}) if outside else set()
    return found | {one: Found(is_revoked=True) for one in outside if one.token_hash in revoked}


def _found(callers: CallerRepository, by: AdmittedBy, issuer: str, names: Collection[str]) -> dict[str, Found]:
    if by is AdmittedBy.API_KEY:
        return {name: Found((use.member,), use) for name, use in callers.of_keys(names).items()}
    if by is AdmittedBy.OUTSIDE_TOKEN:
        members = callers.of_identities(issuer, names)
    else:
        members = callers.of_logins(names) if by is AdmittedBy.LOGIN else callers.of_sessions(names)
    return {name: Found(tuple(of_one)) for name, of_one in members.items()}
