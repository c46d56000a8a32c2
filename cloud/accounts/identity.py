"""Who asks: the member of a household behind a request, by token, API key or the page's session cookie.

    identity = build_identity(app.ports, cookie)

    @router.get("/things")
    def things(member: Annotated[Member, Depends(identity.require(READ))]) -> ...:

A dependency made by ``require`` answers 401 to strangers and 403 to those whose role or key is not enough. Every
row is then asked for with ``member.household_id``, so that another household's is not found (404).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import jwt
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from cloud.accounts.model import KEY_USE_MS, READ, Admission, AdmittedBy, Member, check_scope, token_hash
from cloud.accounts.repository import AccountRepository, TokenRepository
from cloud.accounts.service import ensure_identity, member_of_session
from cloud.errors import ForbiddenError, NotFoundError, UnauthorizedError
from cloud.ports.identity_provider import Claims
from cloud.ports.ports import Ports

# One of several households of the same person; without it, the one joined first.
HOUSEHOLD_HEADER = "x-household"
REMEMBERED_TOKENS = 4096
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}  # RFC 9110 section 9.2.1

BEARER = HTTPBearer(auto_error=False, description="An access token of POST /auth/login, or of the outside issuer.")
API_KEY = APIKeyHeader(name="x-api-key", auto_error=False, description="A key of POST /api-keys.")
Dependency = Callable[..., Member]


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """The pages' cookie, and the check that a request which carries it comes from our own pages (CSRF)."""

    name: str
    is_own_request: Callable[[Request], bool]


class Identity:
    """Resolves requests to members; thread-safe, every method may wait for the database."""

    def __init__(self, ports: Ports, cookie: SessionCookie) -> None:
        self._database = ports.database
        self._providers = {one.issuer: one for one in (*ports.outside_issuers, ports.token_issuer)}
        self._own_issuer = ports.token_issuer.issuer
        self._cookie = cookie
        self.cookie_name = cookie.name

    def require(self, scope: str = READ, *, person: bool = False) -> Dependency:
        """Return the dependency of a route that only members with ``scope`` may use (a viewer has READ).

        ``person`` closes it to API keys: a key that is stolen must not make itself others.
        """

        def member(
            request: Request,
            bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,
            api_key: Annotated[str | None, Security(API_KEY)] = None,
        ) -> Member:
            found = self.member(request, bearer.credentials if bearer else None, api_key)
            check_scope(found, scope)
            if person and found.api_key_id is not None:
                raise ForbiddenError("expected a person who is logged in, an API key may not do this")
            return found

        return member

    def admit(self, scope: str = READ) -> Callable[..., Admission]:
        """Return the dependency of a route whose answer lasts, and ends when what it was let in with does."""

        def admission(
            request: Request,
            member: Annotated[Member, Depends(self.require(scope))],
            bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,
            api_key: Annotated[str | None, Security(API_KEY)] = None,
        ) -> Admission:
            household_id, user_id = member.household_id, member.user.id
            if bearer is not None:
                return self._admission_of_token(bearer.credentials, household_id, user_id)
            if api_key is not None:
                return Admission(household_id, user_id, AdmittedBy.API_KEY, token_hash(api_key))
            session = request.cookies.get(self.cookie_name, "")
            return Admission(household_id, user_id, AdmittedBy.SESSION, token_hash(session))

        return admission

    def member(self, request: Request, token: str | None, api_key: str | None) -> Member:
        """Return who asks; the first credentials given count, and raise UnauthorizedError when they are not valid."""
        chosen = request.headers.get(HOUSEHOLD_HEADER)
        if token is not None:
            return self.member_of_token(token, chosen)
        if api_key is not None:
            return self._member_of_key(api_key)
        cookie = request.cookies.get(self._cookie.name)
        if cookie is None:
            raise UnauthorizedError("expected an access token, an API key or a logged-in browser")
        if request.method not in SAFE_METHODS and not self._cookie.is_own_request(request):
            raise ForbiddenError("expected a request of our own pages: this one was sent from another website")
        return self._member_of_session(cookie, chosen)

    def claims(self, token: str) -> Claims:
        """Return what a token of any known issuer says; raises UnauthorizedError."""
        issuer = _claimed_issuer(token)
        provider = self._providers.get(issuer) if isinstance(issuer, str) else None
        if provider is None:
            raise UnauthorizedError("expected an access token of a known issuer")
        return provider.verify(token)

    def member_of_token(self, token: str, chosen: str | None = None) -> Member:
        """Return whose token this is, in the household ``chosen``; one whom only the outside issuer knows is made."""
        claims = self.claims(token)
        with self._database.read() as unit_of_work:
            accounts = AccountRepository(unit_of_work)
            if claims.issuer == self._own_issuer:
                member = accounts.member_of_family(claims.subject, claims.family_id, chosen)
                is_known = member is not None or accounts.member_of_family(claims.subject, claims.family_id) is not None
            else:
                member = accounts.member_of_identity(claims.issuer, claims.subject, chosen)
                is_known = True
                if TokenRepository(unit_of_work).is_revoked(token_hash(token)):
                    raise UnauthorizedError("expected a valid access token, this one was logged out")
        if not is_known:
            raise UnauthorizedError("expected a valid access token, its login has ended")
        if member is None and claims.issuer != self._own_issuer:
            with self._database.write() as unit_of_work:
                member = ensure_identity(unit_of_work, claims, chosen)
        return _in_household(member)

    def _admission_of_token(self, token: str, household_id: str, user_id: str) -> Admission:
        claims = self.claims(token)
        own = claims.issuer == self._own_issuer
        by, name = (AdmittedBy.LOGIN, claims.family_id) if own else (AdmittedBy.OUTSIDE_TOKEN, token_hash(token))
        return Admission(household_id, user_id, by, name, claims.expires_at)

    def _member_of_key(self, api_key: str) -> Member:
        with self._database.read() as unit_of_work:
            now = unit_of_work.now
            use = AccountRepository(unit_of_work).member_of_key(token_hash(api_key))
        if use is None or use.member.api_key_id is None:
            raise UnauthorizedError("expected a valid API key")
        if use.last_used_at is None or now - use.last_used_at >= KEY_USE_MS:
            with self._database.write() as unit_of_work:
                accounts = AccountRepository(unit_of_work)
                accounts.touch_key(use.member.household_id, use.member.api_key_id, unit_of_work.now)
        return use.member

    def _member_of_session(self, cookie: str, chosen: str | None) -> Member:
        with self._database.read() as unit_of_work:
            member = member_of_session(unit_of_work, cookie)
            if member and chosen:
                return _in_household(AccountRepository(unit_of_work).member_of(member.user.id, chosen))
        if member is None:
            raise UnauthorizedError("expected a logged-in browser, this session has ended")
        return member


@lru_cache(REMEMBERED_TOKENS)
def _claimed_issuer(token: str) -> object:
    """Return the ``iss`` of a token. Not trusted: it only chooses who checks, and that one insists on its own name."""
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise UnauthorizedError("expected an access token, a JWT") from None


def build_identity(ports: Ports, cookie: SessionCookie) -> Identity:
    """Return what resolves requests to members."""
    return Identity(ports, cookie)


def address_of(request: Request) -> str:
    """Return where a request came from; behind a proxy uvicorn has put the client's address there."""
    return request.client.host if request.client else ""


def _in_household(member: Member | None) -> Member:
    if member is None:
        raise NotFoundError(f"expected a household of yours in the header {HOUSEHOLD_HEADER}")
    return member
