"""Bodies of the HTTP requests and answers of a household together."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from cloud.accounts.schemas import Address, Name

UnixTime = Annotated[int, Field(description="Unix milliseconds")]
UnixTimeOrNone = Annotated[int | None, Field(description="Unix milliseconds; null for never")]
Role = Literal["owner", "member", "viewer"]
Scope = Literal["read", "write", "manage"]


class InvitationBody(BaseModel):
    """Whom to invite, and as what: only who has the address may accept."""

    email: Address
    role: Role = "member"


class TokenBody(BaseModel):
    """The token of a mail's link."""

    token: str = Field(min_length=1, max_length=200)


class RoleBody(BaseModel):
    """Another role."""

    role: Role


class KeyBody(BaseModel):
    """What a new API key is for, and what it may do."""

    name: Name
    scopes: list[Scope] = Field(default=["read"], min_length=1, max_length=3)


class HouseholdAnswer(BaseModel):
    """A household, and the role in it of who asks; ``id`` goes into the header x-household."""

    id: str
    name: str
    role: Role


class MemberAnswer(BaseModel):
    """A member of the household."""

    user_id: str
    name: str
    email: str
    role: Role


class InvitationAnswer(BaseModel):
    """An open invitation."""

    id: str
    email: str
    role: Role
    invited_by: str = Field(description="user_id of the owner who invited")
    created_at: UnixTime
    expires_at: UnixTime


class KeyAnswer(BaseModel):
    """An API key without its secret; times in Unix milliseconds."""

    id: str
    name: str
    hint: str
    scopes: list[Scope]
    created_at: UnixTime
    last_used_at: UnixTimeOrNone
    revoked_at: UnixTimeOrNone


class NewKeyAnswer(KeyAnswer):
    """A new API key with its secret ``key``, which is never shown again."""

    key: str


class AuditedAnswer(BaseModel):
    """One thing that was done in the household, or by an operator to the whole server."""

    id: str
    user_id: str | None = Field(description="null where an operator did it")
    action: str
    subject: str
    address: str = Field(description="where the request came from; empty at the server's own command line")
    created_at: UnixTime
    operator: str | None = Field(description="who runs the server, by their name at the operating system")
