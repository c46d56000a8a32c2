"""HTTP of accounts: registering, logging in and out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials

from cloud.accounts import schemas, tokens
from cloud.accounts.identity import BEARER, Identity
from cloud.accounts.model import READ, Member, token_hash
from cloud.accounts.repository import TokenRepository
from cloud.accounts.tokens import LoggedIn
from cloud.ports.ports import Ports


def build_router(ports: Ports, identity: Identity) -> APIRouter:
    """Return the routes of registering, logging in and out."""
    router = APIRouter(tags=["accounts"])

    @router.post("/auth/register", status_code=201, summary="Register")
    def register(body: schemas.RegisterBody) -> schemas.LoginAnswer:
        """Make a user with a household of their own, and log them in."""
        return _answer(tokens.register(ports.database, ports.token_issuer, body.name, body.email, body.password))

    @router.post("/auth/login", summary="Log in")
    def log_in(body: schemas.LoginBody) -> schemas.LoginAnswer:
        """Return an access token and a refresh token."""
        return _answer(tokens.log_in(ports.database, ports.token_issuer, body.email, body.password))

    @router.post("/auth/refresh", summary="Get the next tokens")
    def refresh(body: schemas.RefreshBody) -> schemas.LoginAnswer:
        """Use up the refresh token; one that comes a second time ends the login."""
        return _answer(tokens.refresh(ports.database, ports.token_issuer, body.refresh_token))

    @router.post("/auth/logout", summary="Log out")
    def log_out(
        request: Request,
        member: Annotated[Member, Depends(identity.require(READ))],
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,
    ) -> schemas.MessageAnswer:
        """Revoke the token that this request came with, and the refresh tokens of its login."""
        _ = request
        if bearer:
            _log_out(ports, identity, member, bearer.credentials)
        return schemas.MessageAnswer(message="You are logged out.")

    @router.get("/auth/me", summary="Show who is logged in")
    def me(member: Annotated[Member, Depends(identity.require(READ))]) -> schemas.UserAnswer:
        """Return the user whom the credentials of this request belong to."""
        return schemas.UserAnswer(id=member.user.id, name=member.user.name, email=member.user.email)

    @router.get("/.well-known/jwks.json", summary="The keys that check our access tokens")
    def public_keys() -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JWK set (RFC 7517 section 5)."""
        return ports.token_issuer.public_keys()

    return router


def _log_out(ports: Ports, identity: Identity, member: Member, token: str) -> None:
    claims = identity.claims(token)
    with ports.database.write() as unit_of_work:
        if claims.issuer == ports.token_issuer.issuer:
            tokens.end_login(unit_of_work, claims.family_id, member)
        else:
            TokenRepository(unit_of_work).revoke(token_hash(token), claims.expires_at, unit_of_work.now)


def _answer(logged_in: LoggedIn) -> schemas.LoginAnswer:
    user = logged_in.user
    return schemas.LoginAnswer(
        token=logged_in.access.token,
        refresh_token=logged_in.refresh_token,
        expires_in=logged_in.access.expires_in_s,
        user=schemas.UserAnswer(id=user.id, name=user.name, email=user.email),
    )
