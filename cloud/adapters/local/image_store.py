"""A folder as the image store: files named by household and SHA-256, uploads signed with HMAC-SHA256."""

import hashlib
import hmac
import secrets
from pathlib import Path
from urllib.parse import urlencode

from cloud import correlation
from cloud.adapters.local.files import alone, beside, write_durably
from cloud.errors import ConfigurationError, NotFoundError, RetryLaterError, SignatureError
from cloud.ports.image_store import UploadGrant, UploadTerms

KEY_BYTES = 32


class FolderImageStore:
    """Images under ``folder``; ``base_url`` is where gateways reach this server."""

    def __init__(self, folder: Path, key: bytes, base_url: str) -> None:
        self._folder = folder
        self._key = key
        self._base_url = base_url

    def grant(self, terms: UploadTerms) -> UploadGrant:
        """Return the signed PUT for an upload under these terms."""
        query = urlencode({"expires": terms.expires_at, "signature": self._sign(terms)})
        url = f"{self._base_url}/uploads/{terms.upload_id}?{query}"
        headers = {"Content-Type": terms.content_type, "X-Request-ID": correlation.current() or correlation.new_id()}
        return UploadGrant(url, "PUT", headers, terms.expires_at)

    def check(self, terms: UploadTerms, signature: str, now: int) -> None:
        """Raise SignatureError unless the signature is this store's own for these terms and not expired."""
        if not hmac.compare_digest(signature.encode(), self._sign(terms).encode()):
            raise SignatureError("expected the URL as it was granted, got an altered one")
        if now > terms.expires_at:
            raise SignatureError("This upload URL has expired. Ask for a new grant.")

    def put(self, household_id: str, sha256: str, content: bytes) -> None:
        """Keep an image, on the disk before this returns."""
        write_durably(self._path(household_id, sha256), content)

    def read(self, household_id: str, sha256: str) -> bytes:
        """Return an image; raises NotFoundError."""
        try:
            return self._path(household_id, sha256).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"expected the image {sha256[:12]}…, its file is gone") from None
        except OSError as error:
            raise RetryLaterError(f"expected the image {sha256[:12]}…, the disk said: {error.strerror}") from error

    def delete(self, household_id: str, sha256: str) -> None:
        """Delete an image for good; harmless when it is gone; raises RetryLaterError while a backup is made."""
        try:
            with beside(self._folder):
                self._path(household_id, sha256).unlink(missing_ok=True)
        except OSError as error:
            raise RetryLaterError(f"expected to delete {sha256[:12]}…, the disk said: {error.strerror}") from error

    def _path(self, household_id: str, sha256: str) -> Path:
        return self._folder / household_id / sha256[:2] / f"{sha256}.jpg"

    def _sign(self, terms: UploadTerms) -> str:
        parts = (terms.upload_id, terms.sha256, str(terms.bytes), terms.content_type, str(terms.expires_at))
        return hmac.new(self._key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()


def load_key(path: Path) -> bytes:
    """Return the signing key in ``path``, made at first use, readable by its owner only.

    Raises ConfigurationError for a file that holds no key: signatures with half a key could be forged.
    """
    with alone(path.parent):
        if not path.exists():
            write_durably(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"expected a key of {KEY_BYTES} bytes in {path}, got {len(key)}; delete the file")
    return key
