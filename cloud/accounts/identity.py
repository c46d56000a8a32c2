"""Who asks: the member of a household behind a request, by token, API key or the page's session cookie.

    identity = build_identity(app.ports, cookie, allowances)

    @router.get("/things")
    def things(member: Annotated[Member, Depends(identity.require(READ))]) -> ...:

A dependency made by ``require`` answers 401 to strangers, 429 to who asks too often (an API key counts for itself, a
person with all of their logins together) and 403 to those whose role or key is not enough. Every
row is then asked for with ``member.household_id``, so that another household's is not found (404).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import jwt
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param

from cloud.accounts import rechecking
from cloud.accounts.allowances import Allowances
from cloud.accounts.callers import Caller, Callers, Credential, OutdatedClaimError, claim_of
from cloud.accounts.model import (
    KEY_USE_MS,
    NO_ADDRESS,
    READ,
    Admission,
    AdmittedBy,
    ApiKeyUse,
    Member,
    allows,
    check_scope,
    token_hash,
)
from cloud.accounts.repository import AccountRepository
from cloud.accounts.service import adopt_address, ensure_identity
from cloud.errors import ForbiddenError, NotFoundError, UnauthorizedError
from cloud.ports.database import UnitOfWork
from cloud.ports.identity_provider import Claims
from cloud.ports.ports import Ports

# One of several households of the same person; without it, the one joined first.
HOUSEHOLD_HEADER = "x-household"
REMEMBERED_TOKENS = 4096
# Ours have 400 characters, Clerk's a thousand. Of strangers' the longest are not read, and long ones not remembered.
LONGEST_TOKEN, LONGEST_REMEMBERED = 8192, 2048
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}  # RFC 9110 section 9.2.1

T = TypeVar("T")

API_KEY = APIKeyHeader(name="x-api-key", description="A key of POST /api-keys.")
BEARER = HTTPBearer(description="An access token of POST /auth/login, or of the outside issuer.", auto_error=False)
_SCHEMES: tuple[SecurityBase, ...] = (BEARER, API_KEY)


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The pages' cookie, and the check that a request which carries it comes from our own pages (CSRF)."""

    name: str
    is_own_request: Callable[[Request], bool]


class Identity:
    """Resolves requests to members."""

    def __init__(self, ports: Ports, cookie: SessionCookie, allowances: Allowances) -> None:
        self._callers = Callers(ports.group_work)
        self._allowances = allowances
        self._writer = ports.writer
        self._providers = {one.issuer: one for one in (*ports.outside_issuers, ports.token_issuer)}
        self._own_issuer = ports.token_issuer.issuer
        self._told: dict[tuple[str, str], str] = {}
        self._cookie = cookie
        self.cookie_name = cookie.name

    def require(self, scope: str = READ, *, person: bool = False) -> "Guard":
        """Return the dependency of a route that only members with ``scope`` may use (a viewer has READ).

        ``person`` closes it to API keys: a key that is stolen must not make itself others.
        """
        return Guard(self.member, scope, person=person)

    def require_early(self, scope: str) -> "EarlyGuard":
        """Return the dependency of a route that asks who is there before it takes the body."""
        return EarlyGuard(self.member, scope, person=False)

    def admit(self, scope: str = READ) -> Callable[..., Admission]:
        """Return the dependency of a route whose answer lasts, and ends when what it was let in with does."""

        def admission(request: Request, member: Annotated[Member, Depends(self.require(scope))]) -> Admission:
            household_id, user_id = member.household_id, member.user.id
            token, api_key = _credentials(request)
            if token is not None:
                return self._admission_of_token(token, household_id, user_id)
            if api_key is not None:
                return Admission(household_id, user_id, AdmittedBy.API_KEY, token_hash(api_key))
            session = request.cookies.get(self.cookie_name, "")
            return Admission(household_id, user_id, AdmittedBy.SESSION, token_hash(session))

        return admission

    def presume(self, scope: str) -> "PresumingGuard":
        """Return the dependency of a route that checks in its own transaction who asks: one question less."""
        return PresumingGuard(self.member, scope, self.caller)

    async def member(self, request: Request, token: str | None, api_key: str | None) -> Member:
        """Return who asks; raises UnauthorizedError for credentials that are not valid, RateLimitedError for too many.

        The first credentials given count. With what the request writes from now on they are checked again.
        """
        credential, found = await self._credited(request, token, api_key)
        await self._allowances.take(found.api_key_id or found.user.id)
        rechecking.let_in(claim_of(credential, found))
        return found

    async def caller(self, request: Request, scope: str) -> Caller:
        """Return who asks, with a claim that is to be checked where they are only presumed; raises as ``member``."""
        token, api_key = _credentials(request)
        credential, member = self._presumed(request, token, api_key)
        if credential is None or member is None or not allows(member, scope):
            return Caller(await self.member(request, token, api_key))
        await self._allowances.take(member.api_key_id or member.user.id)
        return Caller(member, claim_of(credential, member))

    def _presumed(
        self, request: Request, token: str | None, api_key: str | None
    ) -> tuple[Credential | None, Member | None]:
        """Return who one of our own tokens or keys stood for a moment ago, None for who is to be looked up."""
        if token is not None and _claimed_issuer(token) == self._own_issuer:
            claims = self.claims(token)
            credential, chosen = Credential(AdmittedBy.LOGIN, claims.family_id), request.headers.get(HOUSEHOLD_HEADER)
            members = (one for one in self._callers.presumed(credential) if one.user.id == claims.subject)
            return credential, next((one for one in members if chosen in (None, one.household_id)), None)
        if token is None and api_key is not None:
            credential = Credential(AdmittedBy.API_KEY, token_hash(api_key))
            return credential, next(iter(self._callers.presumed(credential)), None)
        return None, None

    async def _credited(self, request: Request, token: str | None, api_key: str | None) -> tuple[Credential, Member]:
        chosen = request.headers.get(HOUSEHOLD_HEADER)
        if token is not None:
            return await self._member_of_token(token, chosen)
        if api_key is not None:
            return await self._member_of_key(api_key)
        cookie = request.cookies.get(self._cookie.name)
        if cookie is None:
            raise UnauthorizedError("expected an access token, an API key or a logged-in browser")
        if request.method not in SAFE_METHODS and not self._cookie.is_own_request(request):
            raise ForbiddenError("expected a request of our own pages: this one was sent from another website")
        credential = Credential(AdmittedBy.SESSION, token_hash(cookie))
        found = await self._callers.found(credential)
        if not found.members:
            raise UnauthorizedError("expected a logged-in browser, this session has ended")
        return credential, _in_household(found.members, chosen)

    def claims(self, token: str) -> Claims:
        """Return what a token of any known issuer says; raises UnauthorizedError. May wait for the issuer's keys."""
        provider = self._providers.get(_claimed_issuer(token))
        if provider is None:
            raise UnauthorizedError("expected an access token of a known issuer")
        return provider.verify(token)

    def outside_claims(self, request: Request) -> Claims | None:
        """Return what the outside issuer's token of a request says, None for who came by anything else.

        May wait for the issuer's keys.
        """
        token = _credentials(request)[0]
        claims = self.claims(token) if token is not None else None
        return claims if claims and claims.issuer != self._own_issuer else None

    async def _member_of_token(self, token: str, chosen: str | None) -> tuple[Credential, Member]:
        """Return whose token this is, in the household ``chosen``; one whom only the outside issuer knows is made."""
        if _claimed_issuer(token) != self._own_issuer:
            return await self._member_of_outside_token(token, chosen)
        claims = self.claims(token)
        credential = Credential(AdmittedBy.LOGIN, claims.family_id)
        found = await self._callers.found(credential)
        members = tuple(one for one in found.members if one.user.id == claims.subject)
        if not members:
            raise UnauthorizedError("expected a valid access token, its login has ended")
        return credential, _in_household(members, chosen)

    def _admission_of_token(self, token: str, household_id: str, user_id: str) -> Admission:
        claims = self.claims(token)
        own = claims.issuer == self._own_issuer
        by, name = (AdmittedBy.LOGIN, claims.family_id) if own else (AdmittedBy.OUTSIDE_TOKEN, token_hash(token))
        return Admission(household_id, user_id, by, name, claims.expires_at)

    async def _member_of_outside_token(self, token: str, chosen: str | None) -> tuple[Credential, Member]:
        claims = await run_in_threadpool(self.claims, token)
        credential = Credential(AdmittedBy.OUTSIDE_TOKEN, claims.subject, claims.issuer, token_hash(token))
        found = await self._callers.found(credential)
        if found.is_revoked:
            raise UnauthorizedError("expected a valid access token, this one was logged out")
        if not found.members:
            made = await self._writer.write(lambda unit_of_work: ensure_identity(unit_of_work, claims, chosen))
            return credential, _in_household((made,) if made else (), chosen)
        if self._tells_address(claims, found.members[0]):
            await self._writer.write(lambda unit_of_work: adopt_address(unit_of_work, claims))
            self._told[claims.issuer, claims.subject] = claims.email
            found = await self._callers.found(credential)
        return credential, _in_household(found.members, chosen)

    def _tells_address(self, claims: Claims, member: Member) -> bool:
        """Return whether a token tells an address of a user who has none; once, for somebody else may have it."""
        if len(self._told) >= REMEMBERED_TOKENS:
            self._told.clear()
        is_told = claims.email_is_verified and member.user.email.endswith(NO_ADDRESS)
        return is_told and self._told.get((claims.issuer, claims.subject)) != claims.email

    async def _member_of_key(self, api_key: str) -> tuple[Credential, Member]:
        credential = Credential(AdmittedBy.API_KEY, token_hash(api_key))
        use = (await self._callers.found(credential)).key
        if use is None or use.member.api_key_id is None:
            raise UnauthorizedError("expected a valid API key")
        await self._note_use(use, use.member.api_key_id)
        return credential, use.member

    async def _note_use(self, use: ApiKeyUse, key_id: str) -> None:
        if use.last_used_at is not None and use.asked_at - use.last_used_at < KEY_USE_MS:
            return

        def touch(unit_of_work: UnitOfWork) -> None:
            AccountRepository(unit_of_work).touch_key(use.member.household_id, key_id, unit_of_work.now)

        await self._writer.write(touch)


class Guard(SecurityBase):
    """The dependency of a route that some members may use.

    It looks at the headers itself: that costs a request less than to depend on what FastAPI has for each of them.
    """

    model = BEARER.model

    def __init__(
        self, member: Callable[[Request, str | None, str | None], Awaitable[Member]], scope: str, *, person: bool
    ) -> None:
        self._member = member
        self._scope = scope
        self._person = person
        # FastAPI describes a route's schemes by name; ``describe_guards`` reads out of this one what is asked for.
        self.scheme_name = " ".join((BEARER.scheme_name, scope, *(["person"] if person else [])))

    async def __call__(self, request: Request) -> Member:
        """Return who asks; raises UnauthorizedError or ForbiddenError."""
        found = await self._member(request, *_credentials(request))
        check_scope(found, self._scope)
        if self._person and found.api_key_id is not None:
            raise ForbiddenError("expected a person who is logged in, an API key may not do this")
        return found


class EarlyGuard(Guard):
    """The dependency of a route that asks who is there before the body; asked again in a request, it only repeats."""

    async def __call__(self, request: Request) -> Member:
        """Return who asks; raises UnauthorizedError or ForbiddenError."""
        if not hasattr(request.state, "member"):
            request.state.member = await super().__call__(request)
        member: Member = request.state.member
        return member


class PresumingGuard(Guard):
    """The dependency of a route that checks in its own transaction who asks."""

    def __init__(
        self,
        member: Callable[[Request, str | None, str | None], Awaitable[Member]],
        scope: str,
        caller: Callable[[Request, str], Awaitable[Caller]],
    ) -> None:
        super().__init__(member, scope, person=False)
        self._caller = caller

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        """Return who asks, presumed or looked up; raises UnauthorizedError or ForbiddenError."""
        caller = await self._caller(request, self._scope)
        check_scope(caller.member, self._scope)
        return caller

    async def rechecked(self, request: Request, caller: Caller, work: Callable[[Caller], Awaitable[T]]) -> T:
        """Return what the work returns; who is not who they were presumed to be is looked up, and it is tried again."""
        try:
            return await work(caller)
        except OutdatedClaimError:
            return await work(Caller(await super().__call__(request)))


def describe_guards(whole: dict[str, Any]) -> None:
    """Tell in a description of the API which scope each route needs, and that an API key does where a token does.

    ``x-scope`` is the scope; ``x-person`` stands where only a person may ask, no API key.
    """
    schemes = {one.scheme_name: one.model.model_dump(mode="json", by_alias=True, exclude_none=True) for one in _SCHEMES}
    whole["components"]["securitySchemes"] = schemes
    for operations in whole["paths"].values():
        for operation in operations.values():
            if "security" in operation:
                _describe_guard(operation)


def _describe_guard(operation: dict[str, Any]) -> None:
    named = next(name for one in operation["security"] for name in one if " " in name)
    bearer, scope, *person = named.split()
    operation["security"] = [{bearer: []}] if person else [{one.scheme_name: []} for one in _SCHEMES]
    operation["x-scope"] = scope
    if person:
        operation["x-person"] = True


def _claimed_issuer(token: str) -> str:
    """Return the ``iss`` of a token. Not trusted: it only chooses who checks, and that one insists on its own name."""
    if len(token) > LONGEST_TOKEN:
        raise UnauthorizedError(f"expected an access token of at most {LONGEST_TOKEN} characters, got {len(token)}")
    return _remembered_issuer(token) if len(token) <= LONGEST_REMEMBERED else _read_issuer(token)


@lru_cache(REMEMBERED_TOKENS)
def _remembered_issuer(token: str) -> str:
    return _read_issuer(token)


def _read_issuer(token: str) -> str:
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise UnauthorizedError("expected an access token, a JWT") from None


def build_identity(ports: Ports, cookie: SessionCookie, allowances: Allowances) -> Identity:
    """Return what resolves requests to members."""
    return Identity(ports, cookie, allowances)


def address_of(request: Request) -> str:
    """Return where a request came from; behind a proxy uvicorn has put the client's address there."""
    return request.client.host if request.client else ""


def _credentials(request: Request) -> tuple[str | None, str | None]:
    """Return the bearer token (RFC 6750 section 2.1) and the API key that a request carries."""
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    return token if scheme.lower() == "bearer" and token else None, request.headers.get(API_KEY.model.name)


def _in_household(members: tuple[Member, ...], chosen: str | None) -> Member:
    """Return the caller in the household ``chosen``, else in the one joined first."""
    for member in members:
        if chosen is None or member.household_id == chosen:
            return member
    raise NotFoundError(f"expected a household of yours in the header {HOUSEHOLD_HEADER}")
