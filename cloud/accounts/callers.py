"""Who is behind a request's credentials, asked anew with every request: what is revoked is refused at once.

One query answers for all requests of a moment, so each costs little and nothing is kept that could be out of date.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from cloud.accounts.model import AdmittedBy, ApiKeyUse, Member
from cloud.accounts.repository import CallerRepository
from cloud.ports.database import Database
from cloud.ports.gathering import Gathering


@dataclass(frozen=True, slots=True)
class Credential:
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


class Callers:
    """Looks callers up; one per application."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gathering = Gathering(self._found_together)

    async def found(self, credential: Credential) -> Found:
        """Return who this is; raises RetryLaterError when the database cannot be asked."""
        return await self._gathering.ask(credential)

    async def _found_together(self, credentials: Sequence[Credential]) -> list[Found]:
        return await run_in_threadpool(self._look_up, credentials)

    def _look_up(self, credentials: Sequence[Credential]) -> list[Found]:
        with self._database.read() as unit_of_work:
            found = _look_up_all(CallerRepository(unit_of_work), set(credentials))
        return [found.get(credential, Found()) for credential in credentials]


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
