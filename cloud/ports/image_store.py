"""Images as content-addressed blobs, uploaded through signed URLs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class UploadTerms:
    """What one signed URL allows: this very image, until ``expires_at`` (Unix ms)."""

    upload_id: str
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
class ImageLimits:
    """What is taken: bytes and pixels of one image, and how long an upload URL is valid, in milliseconds."""

    max_bytes: int
    max_pixels: int
    grant_ms: int


class ImageStore(Protocol):
    """Promises: an image is keyed by household and SHA-256, survives a power cut once put, and stays until deleted."""

    def grant(self, terms: UploadTerms) -> UploadGrant:
        """Return the signed request for an upload under these terms."""

    def check(self, terms: UploadTerms, signature: str, now: int) -> None:
        """Raise SignatureError unless ``signature`` is this store's own for these very terms and not expired."""

    def put(self, household_id: str, sha256: str, content: bytes) -> None:
        """Keep an image; harmless when it is there already."""

    def read(self, household_id: str, sha256: str) -> bytes:
        """Return an image; raises NotFoundError."""

    def delete(self, household_id: str, sha256: str) -> None:
        """Delete an image for good; harmless when it is gone; raises RetryLaterError when it must wait."""
