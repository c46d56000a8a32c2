"""Bodies of claiming and handing over."""

from typing import Annotated

from pydantic import BaseModel, Field

from cloud.api.answers import IsoTime, iso
from cloud.devices.ownership.model import Waiting
from cloud.devices.schemas import Name


class ClaimBody(BaseModel):
    """The code that provisioning printed, and the name of the mailbox that the device belongs to."""

    code: Annotated[str, Field(min_length=1, max_length=40)]
    mailbox: Name = "Mailbox"


class HandOverBody(BaseModel):
    """Another household of the caller's; without a mailbox's name there, the device's own is taken."""

    household_id: Annotated[str, Field(min_length=1, max_length=36)]
    mailbox: Name | None = None


class WaitingAnswer(BaseModel):
    """A device that nobody has claimed; times are ISO 8601 in UTC, its code itself is kept nowhere."""

    thing: str = Field(description="its name at the broker")
    kind: str = Field(description="board or gateway")
    provisioned_at: IsoTime
    issued_at: str = Field(description="when its present code was made, ISO 8601 in UTC")


class IssuedCode(BaseModel):
    """A claim code, shown this once."""

    thing: str
    code: str


def waiting_answer(one: Waiting) -> WaitingAnswer:
    """Return a device that waits to be claimed as it is answered."""
    provisioned_at, issued_at = iso(one.provisioned_at), iso(one.issued_at)
    return WaitingAnswer(thing=one.thing, kind=one.kind, provisioned_at=provisioned_at, issued_at=issued_at)
