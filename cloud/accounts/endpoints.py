"""HTTP of accounts: registering, logging in and out, a new password, another e-mail address."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials

import cloud.accounts.sharing.endpoints
from cloud.accounts import limits, recovery, schemas, tokens
from cloud.accounts.identity import BEARER, Identity, address_of
from cloud.accounts.limits import Bucket, network_of
from cloud.accounts.mails import Post
from cloud.accounts.model import READ, Member, normal_email, reachable_email, token_hash
from cloud.accounts.passwords import PasswordTurns
from cloud.accounts.repository import TokenRepository
from cloud.accounts.service import log_out as end_session
from cloud.accounts.tokens import LoggedIn, Login
from cloud.accounts.unstored import UnstoredRoute
from cloud.ports.database import Database
from cloud.ports.ports import Ports


def build_router(ports: Ports, identity: Identity, post: Post, turns: PasswordTurns) -> APIRouter:
    """Return the routes of accounts; those that hash a password take their ``turns``."""
    router = APIRouter(tags=["accounts"], route_class=UnstoredRoute)
    _add_password_login(router, ports, post, turns)
    _add_login(router, ports, identity)
    _add_recovery(router, ports.database, post, turns)
    _add_addresses(router, ports.database, identity, post, turns)
    router.include_router(cloud.accounts.sharing.endpoints.build_router(ports.database, identity, post))
    return router


def _add_password_login(router: APIRouter, ports: Ports, post: Post, turns: PasswordTurns) -> None:
    @router.post("/auth/register", status_code=201, summary="Register an account")
    async def register(body: schemas.RegisterBody, request: Request) -> schemas.LoginAnswer:
        """Make a user with a household of their own and log them in; 403 where this server takes no new ones.

        A mail asks them to confirm the address; until then it gets at most ten mails a day.
        """
        login = Login(body.email, body.password, address_of(request))
        return _answer(await turns.take(lambda: tokens.register(ports, post, body.name, login)))

    @router.post("/auth/login", summary="Log in")
    async def log_in(body: schemas.LoginBody, request: Request) -> schemas.LoginAnswer:
        """Return an access token and a refresh token."""
        login = Login(body.email, body.password, address_of(request))
        return _answer(await turns.take(lambda: tokens.log_in(ports.database, ports.token_issuer, login)))


def _add_login(router: APIRouter, ports: Ports, identity: Identity) -> None:
    @router.post("/auth/refresh", summary="Get the next tokens")
    def refresh(body: schemas.RefreshBody, request: Request) -> schemas.LoginAnswer:
        """Use up the refresh token; one that comes a second time ends the login."""
        return _answer(tokens.refresh(ports.database, ports.token_issuer, body.refresh_token, address_of(request)))

    @router.post("/auth/logout", summary="Log out")
    def log_out(
        member: Annotated[Member, Depends(identity.require(READ, person=True))],
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,
    ) -> schemas.MessageAnswer:
        """Revoke what this request came with: the token and its login's refresh tokens, or the browser's session."""
        if bearer:
            _log_out(ports, identity, member, bearer.credentials)
        else:
            with ports.database.write() as unit_of_work:
                end_session(unit_of_work, request.cookies.get(identity.cookie_name, ""))
        return schemas.MessageAnswer(message="You are logged out.")

    @router.get("/auth/me", summary="Show who is logged in")
    def me(member: Annotated[Member, Depends(identity.require(READ))]) -> schemas.UserAnswer:
        """Return the user whom the credentials of this request belong to."""
        return schemas.UserAnswer(id=member.user.id, name=member.user.name, email=member.user.email)

    @router.get("/.well-known/jwks.json", summary="The keys that check our access tokens")
    def public_keys() -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JWK set (RFC 7517 section 5)."""
        return ports.token_issuer.public_keys()


def _add_recovery(router: APIRouter, database: Database, post: Post, turns: PasswordTurns) -> None:
    @router.post("/auth/password/forgot", status_code=202, summary="Ask for a new password")
    def forgot(body: schemas.AddressBody, request: Request) -> schemas.MessageAnswer:
        """Mail a link that sets a new password; the answer does not tell whether the address is known."""
        email = normal_email(body.email)
        with database.write() as unit_of_work:
            recovery.promise_reset(unit_of_work, post, email, address_of(request))
        return schemas.MessageAnswer(message="If this address has an account, a mail is on its way to it.")

    @router.post("/auth/password/reset", summary="Set a new password")
    async def reset(body: schemas.ResetBody, request: Request) -> schemas.MessageAnswer:
        """Set the password with the token of the mail; every login, link, API key and invitation of the user ends."""
        address = address_of(request)

        def set_it() -> None:
            limits.take(database, [Bucket(limits.RESET_FROM_ADDRESS, network_of(address))])
            recovery.reset_password(database, post, body.token, body.password, address)

        await turns.take(set_it)
        return schemas.MessageAnswer(message="The password is set. Log in with it.")


def _add_addresses(router: APIRouter, database: Database, identity: Identity, post: Post, turns: PasswordTurns) -> None:
    @router.post("/auth/email", status_code=202, summary="Ask for another e-mail address")
    async def new_email(
        body: schemas.NewEmailBody,
        member: Annotated[Member, Depends(identity.require(READ, person=True))],
        request: Request,
    ) -> schemas.MessageAnswer:
        """Mail a link to the address; it becomes the user's, or is confirmed as theirs, once the link is used.

        An account without a password needs none where the request comes by an outside issuer's token of the last
        five minutes.
        """
        email, login = reachable_email(body.email), Login(member.user.email, body.password, address_of(request))
        outside = await run_in_threadpool(identity.outside_claims, request)

        def ask() -> None:
            tokens.check_owner(database, member, login, outside)
            with database.write() as unit_of_work:
                recovery.ask_for_new_email(unit_of_work, post, member, email)

        await turns.take(ask)
        return schemas.MessageAnswer(message="A mail is on its way to the new address, if it can become yours.")

    @router.post("/auth/email/confirm", summary="Confirm an e-mail address")
    def confirm(body: schemas.ConfirmBody, request: Request) -> schemas.MessageAnswer:
        """Change the address, or confirm that it is theirs, with the token of the mail."""
        with database.write() as unit_of_work:
            recovery.confirm_new_email(unit_of_work, post, body.token, address_of(request))
        return schemas.MessageAnswer(message="The address is yours.")


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
