"""HTTP of a household together: its members, invitations, API keys and audit log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from cloud.accounts.id_pages import IdPage, asked_id_page, tell_next_id
from cloud.accounts.identity import Identity, address_of
from cloud.accounts.mails import Post
from cloud.accounts.model import MANAGE, READ, Member
from cloud.accounts.repository import AccountRepository
from cloud.accounts.sharing import acts, schemas
from cloud.accounts.sharing.audit import Actor
from cloud.accounts.sharing.model import ApiKey, Invitation
from cloud.accounts.sharing.repository import AuditRepository, Chosen, SharingRepository
from cloud.accounts.sharing.service import visible_keys
from cloud.accounts.unstored import UnstoredRoute
from cloud.ports.database import Database, UnitOfWork
from cloud.queries import Since, Until, unix_ms
from cloud.repeats import idempotency
from cloud.repeats.idempotency import Asked, KeyHeader

Action = Annotated[str | None, Query(max_length=64, description="only what is called so, such as `device renamed`")]


def build_router(database: Database, identity: Identity, post: Post) -> APIRouter:
    """Return the routes of a household together."""
    router = APIRouter(tags=["households"], route_class=UnstoredRoute)
    _add_members(router, database, identity)
    _add_invitations(router, database, identity, post)
    _add_keys(router, database, identity)
    return router


def _add_members(router: APIRouter, database: Database, identity: Identity) -> None:
    Anybody = Annotated[Member, Depends(identity.require(READ))]  # noqa: N806 - a type
    Person = Annotated[Member, Depends(identity.require(READ, person=True))]  # noqa: N806 - a type
    Owner = Annotated[Member, Depends(identity.require(MANAGE, person=True))]  # noqa: N806 - a type

    @router.get("/households", summary="List my households")
    def households(member: Person) -> list[schemas.HouseholdAnswer]:
        """Return every household that the user is a member of, in the order joined."""
        with database.read() as unit_of_work:
            found = AccountRepository(unit_of_work).memberships_of(member.user.id)
        return [_household(one) for one in found]

    @router.get("/households/members", summary="List the members")
    def members(member: Anybody) -> list[schemas.MemberAnswer]:
        """Return everybody in the household."""
        with database.read() as unit_of_work:
            return [_member(one) for one in SharingRepository(unit_of_work).members(member.household_id)]

    @router.patch("/households/members/{user_id}", summary="Change a role")
    def change_role(user_id: str, body: schemas.RoleBody, member: Owner, request: Request) -> schemas.MemberAnswer:
        """Give somebody another role; the last owner stays one, and who is owner no more has invited nobody."""
        with database.write() as unit_of_work:
            return _member(acts.change_role(unit_of_work, Actor(member, address_of(request)), user_id, body.role))

    @router.delete("/households/members/{user_id}", status_code=204, summary="Remove a member, or leave")
    def remove(user_id: str, member: Person, request: Request) -> None:
        """Take somebody out of the household; their API keys are revoked, and whom they invited is not any more."""
        with database.write() as unit_of_work:
            acts.remove(unit_of_work, Actor(member, address_of(request)), user_id)

    @router.get("/audit-log", summary="Read the audit log")
    def audit_log(
        member: Owner,
        page: Annotated[IdPage, Depends(asked_id_page)],
        chosen: Annotated[Chosen, Depends(_chosen)],
        request: Request,
        response: Response,
    ) -> list[schemas.AuditedAnswer]:
        """Return what was done in the household, and by operators to the whole server, newest first."""
        with database.read() as unit_of_work:
            found = AuditRepository(unit_of_work).entries(member.household_id, page.limit, page.after or "~", chosen)
        tell_next_id(request, response, page, [one.id for one in found])
        return [schemas.AuditedAnswer.model_validate(one, from_attributes=True) for one in found]


def _add_invitations(router: APIRouter, database: Database, identity: Identity, post: Post) -> None:
    Person = Annotated[Member, Depends(identity.require(READ, person=True))]  # noqa: N806 - a type
    Owner = Annotated[Member, Depends(identity.require(MANAGE, person=True))]  # noqa: N806 - a type

    @router.post("/households/invitations", status_code=201, summary="Invite somebody")
    def invite(
        body: schemas.InvitationBody, member: Owner, request: Request, idempotency_key: KeyHeader = None
    ) -> schemas.InvitationAnswer:
        """Mail somebody an invitation, valid for a week, and for as long as you are an owner."""
        by, asked = Actor(member, address_of(request)), _asked(member, idempotency_key, request, body)

        def act(unit_of_work: UnitOfWork) -> dict[str, object]:
            return _invitation(acts.invite(unit_of_work, post, by, body.email, body.role)).model_dump()

        with database.write() as unit_of_work:
            answer = idempotency.once(unit_of_work, asked, lambda: act(unit_of_work))
        # Who asks again invited; an answer that an earlier version kept does not say so.
        return schemas.InvitationAnswer.model_validate({"invited_by": member.user.id} | answer)

    @router.get("/households/invitations", summary="List the open invitations")
    def invitations(member: Owner) -> list[schemas.InvitationAnswer]:
        """Return the invitations of the owners that may still be accepted, oldest first; there are at most 100."""
        with database.read() as unit_of_work:
            found = SharingRepository(unit_of_work).invitations(member.household_id, unit_of_work.now)
        return [_invitation(one) for one in found]

    @router.delete("/households/invitations/{invitation_id}", status_code=204, summary="Take an invitation back")
    def take_back(invitation_id: str, member: Owner, request: Request) -> None:
        """End an invitation."""
        with database.write() as unit_of_work:
            acts.take_back(unit_of_work, Actor(member, address_of(request)), invitation_id)

    @router.post("/households/join", summary="Accept an invitation")
    def join(
        body: schemas.TokenBody, member: Person, request: Request, idempotency_key: KeyHeader = None
    ) -> schemas.HouseholdAnswer:
        """Become a member of the household that the token of the mail invites to; 403 for whom it is not for.

        It is for who has its address, which it confirms. A user whose outside issuer tells no address joins by the
        token alone, though not as owner.
        """
        asked = _asked(member, idempotency_key, request, body)

        def act(unit_of_work: UnitOfWork) -> dict[str, object]:
            return _household(acts.join(unit_of_work, member.user, body.token, address_of(request))).model_dump()

        with database.write() as unit_of_work:
            answer = idempotency.once(unit_of_work, asked, lambda: act(unit_of_work))
        return schemas.HouseholdAnswer.model_validate(answer)


def _add_keys(router: APIRouter, database: Database, identity: Identity) -> None:
    Person = Annotated[Member, Depends(identity.require(READ, person=True))]  # noqa: N806 - a type

    @router.post("/api-keys", status_code=201, summary="Make an API key")
    def make_key(
        body: schemas.KeyBody, member: Person, request: Request, idempotency_key: KeyHeader = None
    ) -> schemas.NewKeyAnswer:
        """Return a new key for the header x-api-key; a member has at most two active ones.

        Asked again with the same Idempotency-Key it is the same key with another secret, until the key is used.
        """
        by, asked = Actor(member, address_of(request)), _asked(member, idempotency_key, request, body)
        with database.write() as unit_of_work:
            known = idempotency.recalled(unit_of_work, asked)
            if known is None:
                key, secret = acts.make_key(unit_of_work, by, body.name, body.scopes)
                idempotency.remember(unit_of_work, asked, {"id": key.id})
            else:
                key, secret = acts.renew_key(unit_of_work, by, str(known["id"]))
        return schemas.NewKeyAnswer(**_key(key).model_dump(), key=secret)

    @router.get("/api-keys", summary="List the API keys")
    def keys(
        member: Person, page: Annotated[IdPage, Depends(asked_id_page)], request: Request, response: Response
    ) -> list[schemas.KeyAnswer]:
        """Return the household's keys to its owners, to others their own, oldest first; revoked ones for 90 days."""
        with database.read() as unit_of_work:
            found = visible_keys(unit_of_work, member, page)
        tell_next_id(request, response, page, [one.id for one in found])
        return [_key(one) for one in found]

    @router.delete("/api-keys/{key_id}", status_code=204, summary="Revoke an API key")
    def revoke_key(key_id: str, member: Person, request: Request) -> None:
        """Revoke a key: it is refused from now on."""
        with database.write() as unit_of_work:
            acts.revoke_key(unit_of_work, Actor(member, address_of(request)), key_id)


async def _chosen(since: Since = None, until: Until = None, action: Action = None) -> Chosen:
    """Return which entries a request asks for (a dependency; async, since FastAPI gives others a thread each)."""
    return Chosen(unix_ms(since) if since else None, unix_ms(until) if until else None, action)


def _asked(member: Member, key: str | None, request: Request, body: BaseModel) -> Asked:
    """Return a request as that of one person: what it does is theirs, another's of the same household is another."""
    return idempotency.asked(member.household_id, key, request, f"{member.user.id} {body.model_dump_json()}")


def _household(one: Member) -> schemas.HouseholdAnswer:
    values = {"id": one.household_id, "name": one.household_name, "role": one.role}
    return schemas.HouseholdAnswer.model_validate(values)


def _member(one: Member) -> schemas.MemberAnswer:
    values = {"user_id": one.user.id, "name": one.user.name, "email": one.user.email, "role": one.role}
    return schemas.MemberAnswer.model_validate(values)


def _invitation(one: Invitation) -> schemas.InvitationAnswer:
    return schemas.InvitationAnswer.model_validate(one, from_attributes=True)


def _key(one: ApiKey) -> schemas.KeyAnswer:
    shown = {field: getattr(one, field) for field in schemas.KeyAnswer.model_fields}
    return schemas.KeyAnswer.model_validate(shown | {"scopes": one.scopes.split()})
