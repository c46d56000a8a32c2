"""Bodies of claiming and handing over."""

from typing import Annotated

from pydantic import BaseModel, Field

from cloud.devices.schemas import Name


class ClaimBody(BaseModel):
    """The code that provisioning printed, and the name of the mailbox that the device belongs to."""

    code: Annotated[str, Field(min_length=1, max_length=40)]
    mailbox: Name = "Mailbox"


class HandOverBody(BaseModel):
    """Another household of the caller's; without a mailbox's name there, the device's own is taken."""

    household_id: Annotated[str, Field(min_length=1, max_length=36)]
    mailbox: Name | None = None
