"""Logging in with e-mail address and password, registering, and the pages that the links of account mails open.

As with login links, opening a link uses nothing up: its page shows a button or a form, and only that acts.
"""

import secrets
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from cloud.accounts import limits, recovery, tokens
from cloud.accounts.identity import address_of
from cloud.accounts.limits import Bucket, network_of
from cloud.accounts.mails import Post
from cloud.accounts.model import LONGEST_EMAIL, normal_email
from cloud.accounts.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, PasswordTurns
from cloud.accounts.service import enter_household, start_session
from cloud.accounts.sharing.acts import join as join_household
from cloud.accounts.tokens import Login
from cloud.errors import RefusedError
from cloud.settings import Registration
from cloud.web.pages.forms import Field, FormPage, act, act_in_turn, show_form
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.login import SESSION_TOKEN_BYTES, with_session
from cloud.web.pages.site import SESSION_COOKIE, PageError, Site, View

LONGEST_TOKEN = 200


NAME = Field("name", "Name", "text", "name", 100)
EMAIL = Field("email", "E-mail address", "email", "username", LONGEST_EMAIL)
PASSWORD = Field("password", "Password", "password", "current-password", LONGEST_PASSWORD)
NEW_PASSWORD = Field("password", "New password", "password", "new-password", LONGEST_PASSWORD, SHORTEST_PASSWORD)
TO_REGISTER = ("/register", "Make an account")
LOGIN = FormPage(
    "Log in", "Log in", (EMAIL, PASSWORD), links=(("/account/forgot", "Forgot your password?"), TO_REGISTER)
)
REGISTER = FormPage("Make an account", "Make it", (NAME, EMAIL, NEW_PASSWORD), links=(("/login", "I have one"),))
FORGOT_TEXT = "A mail lets you set a new one. Only the link of the newest mail works, for an hour."
FORGOT = FormPage("Forgot your password?", "Send me a link", (EMAIL,), FORGOT_TEXT)
RESET = FormPage(
    "Set a new password",
    "Set it",
    (NEW_PASSWORD,),
    "Every device will be logged out, your API keys be revoked, and your open invitations and other links be ended.",
)
CONFIRM = FormPage("Your e-mail address", "Confirm the address")
JOIN = FormPage("You are invited", "Join the household")

Text = Annotated[str, Form()]


def build_router(site: Site, post: Post, turns: PasswordTurns) -> APIRouter:
    """Return the routes of passwords and of the links in account mails; those that hash take their ``turns``."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    _add_login(router, site, turns)
    _add_registering(router, site, post, turns)
    _add_forgotten(router, site, post)
    _add_reset(router, site, post, turns)
    _add_links(router, site, post)
    return router


def _add_login(router: APIRouter, site: Site, turns: PasswordTurns) -> None:
    database, is_closed = site.ports.database, site.ports.registration is Registration.CLOSED
    login_page = replace(LOGIN, links=tuple(one for one in LOGIN.links if one != TO_REGISTER)) if is_closed else LOGIN

    @router.get("/login")
    def show_login(request: Request) -> Response:
        """Show the form that logs in."""
        return show_form(site, request, login_page)

    @router.post("/login")
    async def log_in(request: Request, email: Text = "", password: Text = "") -> Response:
        """Begin a session with e-mail address and password."""
        login = Login(email, password[: LONGEST_PASSWORD + 1], address_of(request))

        def begin() -> Response:
            known, session = tokens.check_password(database, login), secrets.token_urlsafe(SESSION_TOKEN_BYTES)
            with database.write() as unit_of_work:
                tokens.welcome(unit_of_work, known, login)
                start_session(unit_of_work, known.user_id, session)
            return with_session(RedirectResponse("/", 303), site, session)

        return await act_in_turn(site, request, login_page.filled(email=email), turns, begin)


def _add_registering(router: APIRouter, site: Site, post: Post, turns: PasswordTurns) -> None:
    database, is_closed = site.ports.database, site.ports.registration is Registration.CLOSED

    @router.get("/register")
    def show_register(request: Request) -> Response:
        """Show the form that makes an account, unless nobody may."""
        if is_closed:
            raise PageError(403, "Registration is closed", "Ask whoever runs this server for an account.")
        return show_form(site, request, REGISTER)

    @router.post("/register")
    async def register(request: Request, name: Text = "", email: Text = "", password: Text = "") -> Response:
        """Make an account and begin a session."""

        def begin() -> Response:
            _check_length(NAME, name.strip())
            _check_length(NEW_PASSWORD, password)
            login, session = Login(email, password, address_of(request)), secrets.token_urlsafe(SESSION_TOKEN_BYTES)
            user = tokens.register(site.ports, post, name.strip(), login).user
            with database.write() as unit_of_work:
                start_session(unit_of_work, user.id, session)
            return with_session(RedirectResponse("/", 303), site, session)

        return await act_in_turn(site, request, REGISTER.filled(name=name, email=email), turns, begin)


def _add_forgotten(router: APIRouter, site: Site, post: Post) -> None:
    database = site.ports.database

    @router.get("/account/forgot")
    def show_forgot(request: Request) -> Response:
        """Show the form that asks for a mail."""
        return show_form(site, request, FORGOT)

    @router.post("/account/forgot")
    def forgot(request: Request, email: Text = "") -> Response:
        """Mail a link to a known address; the page does not tell whether it is one."""

        def ask() -> Response:
            known_as = normal_email(email)
            with database.write() as unit_of_work:
                recovery.promise_reset(unit_of_work, post, known_as, address_of(request))
            text = "If this address has an account, a link is on its way."
            return _done(site, request, "Look into your mail", text)

        return act(site, request, FORGOT.filled(email=email), ask)


def _add_reset(router: APIRouter, site: Site, post: Post, turns: PasswordTurns) -> None:
    database = site.ports.database

    @router.get("/account/reset/{token}")
    def show_reset(token: str, request: Request) -> Response:
        """Show the form of the new password."""
        _ = token
        return show_form(site, request, RESET)

    @router.post("/account/reset/{token}")
    async def reset(token: str, request: Request, password: Text = "") -> Response:
        """Set the new password."""

        def set_it() -> Response:
            _check_length(NEW_PASSWORD, password)
            limits.take(database, [Bucket(limits.RESET_FROM_ADDRESS, network_of(address_of(request)))])
            recovery.reset_password(database, post, token[:LONGEST_TOKEN], password, address_of(request))
            return _done(site, request, "The password is set", "Log in with it.")

        return await act_in_turn(site, request, RESET, turns, set_it)


def _add_links(router: APIRouter, site: Site, post: Post) -> None:
    database = site.ports.database

    @router.get("/account/email/{token}")
    def show_confirm(token: str, request: Request) -> Response:
        """Show the button that confirms an address."""
        _ = token
        return show_form(site, request, CONFIRM)

    @router.post("/account/email/{token}")
    def confirm(token: str, request: Request) -> Response:
        """Change the address, or confirm it."""

        def change() -> Response:
            with database.write() as unit_of_work:
                recovery.confirm_new_email(unit_of_work, post, token[:LONGEST_TOKEN], address_of(request))
            return _done(site, request, "The address is yours", "Log in with it from now on.")

        return act(site, request, CONFIRM, change)

    @router.get("/account/invitation/{token}")
    def show_invitation(token: str, request: Request) -> Response:
        """Show the button that joins, to strangers how to get an account first."""
        _ = token
        if site.visitor(request) is None:
            ways = "Log in" if site.ports.registration is Registration.CLOSED else "Log in or make an account"
            text = f"{ways} with the address that the mail came to, then open its link again."
            return _done(site, request, JOIN.title, text)
        return show_form(site, request, JOIN)

    @router.post("/account/invitation/{token}")
    def join(token: str, request: Request) -> Response:
        """Join the household."""
        visitor = site.member(request)

        def enter() -> Response:
            with database.write() as unit_of_work:
                joined = join_household(unit_of_work, visitor.user, token[:LONGEST_TOKEN], address_of(request))
                enter_household(unit_of_work, request.cookies[SESSION_COOKIE], joined.household_id)
            return _done(site, request, f"Welcome to {joined.household_name}", f"You are its {joined.role} now.")

        return act(site, request, JOIN, enter)


def _done(site: Site, request: Request, title: str, text: str) -> Response:
    visitor = site.visitor(request)
    href, label = ("/", "To your deliveries") if visitor else ("/login", "Log in")
    return site.answer(request, View("done.html", title, {"text": text, "href": href, "label": label}), visitor)


def _check_length(field: Field, value: str) -> None:
    if not field.shortest <= len(value) <= field.longest:
        raise RefusedError(f"expected {field.shortest} to {field.longest} characters as {field.label.lower()}")
