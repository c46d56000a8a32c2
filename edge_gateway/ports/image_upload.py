"""Image upload: brings the bytes of one image to the address of a grant."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from edge_gateway.ports.device_hub import Grant


class Outcome(StrEnum):
    """What the gateway must do next, whatever the transport called it."""

    UPLOADED = "uploaded"  # the image is there, now or since an earlier try
    EXPIRED = "expired"  # ask for a new grant
    REJECTED = "rejected"  # this image will never be taken
    FAILED = "failed"  # the same may succeed later


@dataclass(frozen=True, slots=True)
class Answer:
    """How an upload ended, with a reason that a person can act on and that holds no secret."""

    outcome: Outcome
    reason: str = ""


class ImageUpload(Protocol):
    """One upload at a time; repeating one is harmless."""

    def put(self, grant: Grant, jpeg: bytes) -> Answer:
        """Upload one image; never raises for what a network or a server may do."""
        ...

    def abort(self) -> None:
        """End a running upload soon, as failed, and let later ones fail at once; called from another thread."""
        ...
