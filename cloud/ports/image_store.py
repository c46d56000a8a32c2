"""Images as content-addressed blobs, uploaded through signed URLs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class UploadTerms:
    """What one signed URL allows: this very image, once, until ``expires_at`` (Unix ms)."""

    upload_id: str
    household_id: str
    sha256: str
    bytes: int
    content_type: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class UploadGrant:
    """The signed request that a gateway has to make."""

    url: str
    method: str
    headers: Mapping[str, str]
    expires_at: int


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What was found by looking into the image."""

    width: int
    height: int


class ImageStore(Protocol):
    """Promises: a stored image is whole, of the announced hash and type, and stays until deleted."""

    def grant(self, terms: UploadTerms) -> UploadGrant:
        """Return the signed request for an upload under these terms."""

    def receive(self, terms: UploadTerms, signature: str, chunks: Iterable[bytes], *, now: int) -> ImageFacts:
        """Take an upload; raises SignatureError, TooLargeError, UnsupportedTypeError or RefusedError and then keeps nothing."""

    def read(self, household_id: str, sha256: str) -> bytes:
        """Return the image; raises NotFoundError."""

    def has(self, household_id: str, sha256: str) -> bool:
        """Return whether the image is stored."""
