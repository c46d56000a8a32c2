"""The page of a household: who is in it and may be, its API keys, the account's address, and the way to another one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from cloud.accounts import recovery, tokens
from cloud.accounts.identity import address_of
from cloud.accounts.mails import Post
from cloud.accounts.model import (
    LONGEST_NAME,
    MANAGE,
    MEMBER,
    NEEDED_ROLE,
    OWNER,
    READ,
    SCOPES_OF_ROLE,
    VIEWER,
    WRITE,
    Member,
    check_scope,
    normal_email,
)
from cloud.accounts.passwords import LONGEST_PASSWORD, PasswordTurns
from cloud.accounts.repository import AccountRepository
from cloud.accounts.service import enter_household
from cloud.accounts.sharing import acts
from cloud.accounts.sharing.audit import Actor
from cloud.accounts.sharing.repository import AuditRepository, SharingRepository
from cloud.accounts.sharing.service import active_keys
from cloud.accounts.tokens import Login
from cloud.errors import BusyError, RefusedError
from cloud.ports.database import UnitOfWork
from cloud.web.errors import status_of
from cloud.web.pages.forms import come_again, problem_of
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.login import require_own
from cloud.web.pages.site import SESSION_COOKIE, Site, View

PATH = "/household"

SHOWN = 20  # of what was done; GET /audit-log has all of it
ROLES = {OWNER: "may do everything", MEMBER: "sees and sets everything", VIEWER: "sees everything"}
SCOPES = {READ: "Read", WRITE: "Report and set", MANAGE: "Delete and claim devices"}

Text = Annotated[str, Form()]
Work = Callable[[UnitOfWork, Actor], None]


@dataclass(frozen=True, slots=True)
class HouseholdPages:
    """Shows and changes the household that a browser is in."""

    site: Site

    def show(self, request: Request, member: Member, problem: str = "", status: int = 200) -> Response:
        """Return the page of the household."""
        allowed = SCOPES_OF_ROLE[member.role]
        may_manage = MANAGE in allowed
        with self.site.ports.database.read() as unit_of_work:
            sharing = SharingRepository(unit_of_work)
            people = sharing.members(member.household_id)
            values: dict[str, object] = {
                "is_confirmed": AccountRepository(unit_of_work).is_verified(member.user.id),
                "homes": AccountRepository(unit_of_work).memberships_of(member.user.id),
                "people": people,
                "names": {one.user.id: one.user.name for one in people},
                "invited": sharing.invitations(member.household_id, unit_of_work.now) if may_manage else [],
                "done": AuditRepository(unit_of_work).entries(member.household_id, SHOWN) if may_manage else [],
                "keys": active_keys(unit_of_work, member),
            }
        values |= {"problem": problem, "roles": ROLES, "may_manage": may_manage}
        values["scopes"] = {name: label for name, label in SCOPES.items() if name in allowed}
        return self.site.answer(request, View("household.html", member.household_name, values, status=status), member)

    def change(self, request: Request, member: Member, work: Work) -> Response:
        """Do what a form asks for and show the page; a refusal shows it with the reason."""
        require_own(request)
        try:
            with self.site.ports.database.write() as unit_of_work:
                work(unit_of_work, Actor(member, address_of(request)))
        except RefusedError as error:
            return self.show(request, member, problem_of(error), status_of(error))
        return RedirectResponse(PATH, 303)


def build_router(site: Site, post: Post, turns: PasswordTurns) -> APIRouter:
    """Return the routes of the household's page; the form that hashes a password takes its ``turns``."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    pages = HouseholdPages(site)
    _add_page(router, pages)
    _add_people(router, pages)
    _add_invitations(router, pages, post)
    _add_keys(router, pages)
    _add_address(router, pages, post, turns)
    return router


def _add_page(router: APIRouter, pages: HouseholdPages) -> None:
    Visitor = Annotated[Member, Depends(pages.site.member)]  # noqa: N806 - a type

    @router.get(PATH)
    def show(request: Request, member: Visitor) -> Response:
        """Show the household."""
        return pages.show(request, member)

    @router.post(f"{PATH}/enter")
    def enter(request: Request, member: Visitor, household_id: Text = "") -> Response:
        """Show another household of the member's in this browser."""

        def work(unit_of_work: UnitOfWork, _: Actor) -> None:
            enter_household(unit_of_work, request.cookies[SESSION_COOKIE], household_id)

        return pages.change(request, member, work)


def _add_people(router: APIRouter, pages: HouseholdPages) -> None:
    Visitor = Annotated[Member, Depends(pages.site.member)]  # noqa: N806 - a type

    @router.post(f"{PATH}/members/{{user_id}}/role")
    def change_role(user_id: str, request: Request, member: Visitor, role: Text = "") -> Response:
        """Give somebody another role."""

        def work(unit_of_work: UnitOfWork, by: Actor) -> None:
            check_scope(member, MANAGE)
            acts.change_role(unit_of_work, by, user_id, _known(role, tuple(ROLES), "role"))

        return pages.change(request, member, work)

    @router.post(f"{PATH}/members/{{user_id}}/remove")
    def remove(user_id: str, request: Request, member: Visitor) -> Response:
        """Take somebody out of the household, or leave it."""
        return pages.change(request, member, lambda unit, by: acts.remove(unit, by, user_id))


def _add_invitations(router: APIRouter, pages: HouseholdPages, post: Post) -> None:
    Visitor = Annotated[Member, Depends(pages.site.member)]  # noqa: N806 - a type

    @router.post(f"{PATH}/invitations")
    def invite(request: Request, member: Visitor, email: Text = "", role: Text = "") -> Response:
        """Mail somebody an invitation."""

        def work(unit_of_work: UnitOfWork, by: Actor) -> None:
            check_scope(member, MANAGE)
            acts.invite(unit_of_work, post, by, email, _known(role, tuple(ROLES), "role"))

        return pages.change(request, member, work)

    @router.post(f"{PATH}/invitations/{{invitation_id}}/end")
    def take_back(invitation_id: str, request: Request, member: Visitor) -> Response:
        """End an invitation."""

        def work(unit_of_work: UnitOfWork, by: Actor) -> None:
            check_scope(member, MANAGE)
            acts.take_back(unit_of_work, by, invitation_id)

        return pages.change(request, member, work)


def _add_keys(router: APIRouter, pages: HouseholdPages) -> None:
    site = pages.site
    Visitor = Annotated[Member, Depends(site.member)]  # noqa: N806 - a type

    @router.post(f"{PATH}/keys")
    def make_key(
        request: Request,
        member: Visitor,
        name: Text = "",
        scope: Annotated[list[str], Form()] = [],  # noqa: B006 - read
    ) -> Response:
        """Make an API key and show it, this once."""
        made: list[str] = []

        def work(unit_of_work: UnitOfWork, by: Actor) -> None:
            if not name.strip() or len(name) > LONGEST_NAME or not scope:
                raise RefusedError(f"expected a name of 1 to {LONGEST_NAME} characters, and what the key may do")
            scopes = [_known(one, tuple(NEEDED_ROLE), "scope") for one in scope]
            made.append(acts.make_key(unit_of_work, by, name.strip(), scopes)[1])

        answer = pages.change(request, member, work)
        if not made:
            return answer
        return site.answer(request, View("api_key.html", "A new API key", {"key": made[-1], "name": name}), member)

    @router.post(f"{PATH}/keys/{{key_id}}/revoke")
    def revoke_key(key_id: str, request: Request, member: Visitor) -> Response:
        """Revoke an API key."""
        return pages.change(request, member, lambda unit, by: acts.revoke_key(unit, by, key_id))


def _add_address(router: APIRouter, pages: HouseholdPages, post: Post, turns: PasswordTurns) -> None:
    site = pages.site

    @router.post(f"{PATH}/email")
    async def new_email(
        request: Request, member: Annotated[Member, Depends(site.member)], email: Text = "", password: Text = ""
    ) -> Response:
        """Mail a link to a new address, which makes it the member's."""
        require_own(request)
        login = Login(member.user.email, password[: LONGEST_PASSWORD + 1], address_of(request))

        def ask() -> Response:
            try:
                address = normal_email(email)
                tokens.prove_password(site.ports.database, login)
                with site.ports.database.write() as unit_of_work:
                    recovery.ask_for_new_email(unit_of_work, post, member, address)
            except RefusedError as error:
                return pages.show(request, member, problem_of(error), status_of(error))
            text = f"A link is on its way to {address}, if it can become yours. Open it to confirm the address."
            values: dict[str, object] = {"text": text, "href": PATH, "label": "Back"}
            return site.answer(request, View("done.html", "Look into your mail", values), member)

        try:
            return await turns.take(ask)
        except BusyError as error:
            problem, status = problem_of(error), status_of(error)
            return come_again(await run_in_threadpool(pages.show, request, member, problem, status))


def _known(given: str, allowed: Sequence[str], what: str) -> str:
    if given not in allowed:
        raise RefusedError(f"expected a {what} of {', '.join(allowed)}, got {given[:40]!r}")
    return given
