"""A new password or another e-mail address, by a token in a mail."""

import contextlib
import secrets

from cloud.accounts.limits import (
    NEW_EMAIL_OF_USER,
    RESET_FROM_ADDRESS,
    RESET_OF_ACCOUNT,
    Bucket,
    network_of,
    take_within,
)
from cloud.accounts.mails import Draft, Post, may_hear, put, send
from cloud.accounts.model import (
    ACCOUNT_TOKEN_MS,
    FRESH_MS,
    NEW_EMAIL,
    NO_ADDRESS,
    RESET,
    AccountToken,
    Member,
    User,
    reachable_email,
    token_hash,
)
from cloud.accounts.passwords import hash_password
from cloud.accounts.repository import AccountRepository, TokenRepository
from cloud.accounts.sharing.acts import end_what_was_made
from cloud.accounts.sharing.audit import Actor, note
from cloud.errors import ConflictError, RateLimitedError, SignatureError
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.event_queue import Event

MAIL_TOKEN_BYTES = 32
USED_UP = "expected a link that is unused and not expired; ask for a new one"


def promise_reset(unit_of_work: UnitOfWork, post: Post, email: str, address: str) -> None:
    """Have a link mailed that sets a new password, by a job that is committed before the answer; none may get lost.

    An unknown address has its job too, about nobody: neither the answer nor its time tells whether it is known.
    Raises RateLimitedError where it is asked too often about the e-mail address, or from the network ``address``.
    """
    from_address = Bucket(RESET_FROM_ADDRESS, network_of(address))
    take_within(unit_of_work, [Bucket(RESET_OF_ACCOUNT, email), from_address])
    user = AccountRepository(unit_of_work).user_by_email(email)
    nobody = unit_of_work.new_id()
    # No household: the others of it need not know, not even of a fault.
    post.follow(unit_of_work, Event("reset_asked", nobody, user.id if user else nobody))


def mail_reset(unit_of_work: UnitOfWork, post: Post, user_id: str) -> None:
    """Mail a link that sets a new password to a user, nothing to nobody.

    Nor to an address that nobody has confirmed and that got too many mails today: the link that it has serves on.
    """
    member = AccountRepository(unit_of_work).member_of(user_id)
    if member and may_hear(unit_of_work, member.user):
        link = _link(unit_of_work, post, "reset", AccountToken(member.user.id, RESET, member.user.email))
        put(unit_of_work, post, Draft("reset", member.user, member.household_id, {"link": link}))


def reset_password(database: Database, post: Post, token: str, password: str, address: str) -> None:
    """Set a new password and end every login, link, API key and invitation of the user's.

    Raises SignatureError when the token is unknown, expired or used, or went to an address that is theirs no more.
    """
    with database.read() as unit_of_work:
        # Who makes tokens up is told so before a hash is made for them.
        if not TokenRepository(unit_of_work).serves(token_hash(token), RESET, unit_of_work.now):
            raise SignatureError(USED_UP)
    stored = hash_password(password)
    with database.write() as unit_of_work:
        member, mailed_to = _use(unit_of_work, token, RESET)
        if mailed_to != member.user.email:
            raise SignatureError(USED_UP)
        # The token came by mail, so the address is proved to be theirs.
        values = {"password_hash": stored, "email_verified_at": unit_of_work.now}
        AccountRepository(unit_of_work).change_user(member.user.id, **values)
        TokenRepository(unit_of_work).end_all_of(member.user.id, unit_of_work.now)
        end_what_was_made(unit_of_work, Actor(member, address))
        put(unit_of_work, post, Draft("password_changed", member.user, member.household_id, {}))
        note(unit_of_work, member, "password reset", member.user.email, address)


def ask_for_new_email(unit_of_work: UnitOfWork, post: Post, member: Member, email: str) -> None:
    """Mail a link to an address that makes it the member's, or confirms that it is; none to another account's.

    Raises RateLimitedError for who asks too often, whatever the addresses.
    """
    new_email = reachable_email(email)
    take_within(unit_of_work, [Bucket(NEW_EMAIL_OF_USER, member.user.id)])
    known = AccountRepository(unit_of_work).user_by_email(new_email)
    if known and known.id != member.user.id:
        return
    link = _link(unit_of_work, post, "email", AccountToken(member.user.id, NEW_EMAIL, new_email))
    to = User(member.user.id, new_email, member.user.name)
    template = "email_confirm" if known else "email_change"
    send(unit_of_work, post, Draft(template, to, member.household_id, {"link": link}))


def offer_address(unit_of_work: UnitOfWork, post: Post, member: Member, asked_at: int, email: str) -> None:
    """Mail a link to the address that somebody gives with a device, where they have none that mail reaches.

    None goes where the outside issuer's token is too old, made at ``asked_at`` (Unix ms), or where too many links were
    asked for: the device is made all the same, and POST /auth/email tells what is missing.
    """
    if asked_at < unit_of_work.now - FRESH_MS or not member.user.email.endswith(NO_ADDRESS):
        return
    with contextlib.suppress(RateLimitedError):
        ask_for_new_email(unit_of_work, post, member, email)


def confirm_new_email(unit_of_work: UnitOfWork, post: Post, token: str, address: str) -> None:
    """Change the address, tell the old one and end every link that went there, or confirm that it is theirs.

    An old address that nobody had confirmed, and that got too many mails today, is not told.
    Raises SignatureError or, when the address has another account by now, ConflictError.
    """
    member, new_email = _use(unit_of_work, token, NEW_EMAIL)
    accounts = AccountRepository(unit_of_work)
    known = accounts.user_by_email(new_email)
    if known and known.id != member.user.id:
        raise ConflictError("expected a new e-mail address, this one has an account by now")
    # Of the old address, before the new one is confirmed in its place.
    is_told = not known and may_hear(unit_of_work, member.user)
    accounts.change_user(member.user.id, email=new_email, email_verified_at=unit_of_work.now)
    if known:
        note(unit_of_work, member, "e-mail confirmed", new_email, address)
        return
    TokenRepository(unit_of_work).end_links_of(member.user.id)
    if is_told:
        put(unit_of_work, post, Draft("email_changed", member.user, member.household_id, {"new_email": new_email}))
    note(unit_of_work, member, "e-mail changed", f"{member.user.email} to {new_email}", address)


def _link(unit_of_work: UnitOfWork, post: Post, path: str, token: AccountToken) -> str:
    secret = secrets.token_urlsafe(MAIL_TOKEN_BYTES)
    expires_at = unit_of_work.now + ACCOUNT_TOKEN_MS[token.purpose]
    TokenRepository(unit_of_work).add_account_token(token_hash(secret), token, expires_at)
    return f"{post.public_url}/account/{path}/{secret}"


def _use(unit_of_work: UnitOfWork, token: str, purpose: str) -> tuple[Member, str]:
    tokens = TokenRepository(unit_of_work)
    # First of all: who writes for the user meanwhile is waited for, and then what they wrote is seen.
    tokens.hold_user_of(token_hash(token))
    used = tokens.use_account_token(token_hash(token), purpose, unit_of_work.now)
    member = AccountRepository(unit_of_work).member_of(used.user_id) if used else None
    if used is None or member is None:
        raise SignatureError(USED_UP)
    return member, used.email
