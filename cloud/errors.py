"""Every error that Pillarbox raises on purpose, grouped by who has to act.

PillarboxError
├── RefusedError            the caller, or the data, must change; trying again gives the same answer
│   ├── NotFoundError       no such row in this household
│   ├── SignatureError      a signed URL or link that is altered, expired or used up
│   ├── OutdatedError       it has changed since the caller saw it, who wants to change that version only
│   ├── ConflictError       it is there already, or in another state
│   ├── UnauthorizedError   nobody is logged in: no token or key, or one that is not valid (any more)
│   ├── ForbiddenError      the household's own, but this role or key may not
│   ├── RateLimitedError    too often; ``retry_after_s`` says when it is allowed again
│   ├── TooLargeError       more bytes or pixels than allowed
│   └── UnsupportedTypeError    not one of the accepted media types
├── RetryLaterError         nobody: the same work may succeed later
│   └── BusyError           too many ask for the same at this moment
└── ConfigurationError      the person who runs the server
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests at once, all of them regained in ``window_s`` seconds."""

    name: str
    requests: int
    window_s: int


class PillarboxError(Exception):
    """Root of the family."""


class RefusedError(PillarboxError):
    """The data or the request is wrong for good; the text says what was expected and what came.

    ``field`` is the wrong field of a request, such as ``body.email``, where it is one.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFoundError(RefusedError):
    """No such thing in this household; another household's things are not found either."""


class SignatureError(RefusedError):
    """A signed URL or one-time link is altered, expired or already used."""


class ConflictError(RefusedError):
    """The thing exists already or is in a state that forbids this."""


class OutdatedError(RefusedError):
    """The thing is another than the version that the caller has seen, and wanted to change."""


class UnauthorizedError(RefusedError):
    """No credentials, or credentials that are not valid (any more)."""


class ForbiddenError(RefusedError):
    """Who asks is known, but their role or their key does not allow this."""


class RateLimitedError(RefusedError):
    """Asked too often; allowed again in ``retry_after_s`` seconds; ``quota`` is what is used up, where it is one."""

    def __init__(self, message: str, retry_after_s: int = 1, quota: Quota | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.quota = quota


class TooLargeError(RefusedError):
    """More bytes or pixels than the limit."""


class UnsupportedTypeError(RefusedError):
    """The content is not one of the accepted media types."""


class RetryLaterError(PillarboxError):
    """A passing fault of a part outside; the job runner tries again with growing pauses."""


class BusyError(RetryLaterError):
    """Too many ask at this moment for what few get at a time; nothing was done."""


class ConfigurationError(PillarboxError):
    """The server cannot run as it is configured; the text says what to change."""
