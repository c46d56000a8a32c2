"""An e-mail on its way out."""

from dataclasses import dataclass

PENDING, SENT, FAILED = "pending", "sent", "failed"
CORRELATION_HEADER = "X-Pillarbox-Correlation-Id"


@dataclass(frozen=True, slots=True)
class MailHeading:
    """What a list shows of a mail: all but its content, which is large."""

    id: str
    episode_id: str | None
    recipient: str
    subject: str
    state: str
    attempts: int
    reason: str | None
    created_at: int
    sent_at: int | None


@dataclass(frozen=True, slots=True)
class Mail:
    """One e-mail of the outbox as its row is; ``dedupe_key`` makes it the only one of its cause.

    A ``private`` one is for its recipient's eyes alone: the rest of the household is not shown it.
    """

    id: str
    household_id: str
    dedupe_key: str
    recipient: str
    subject: str
    content: bytes
    created_at: int
    episode_id: str | None = None
    state: str = PENDING
    attempts: int = 0
    reason: str | None = None
    sent_at: int | None = None
    provider_id: str | None = None
    private: bool = False


def traced(mail: Mail, stories: str) -> bytes:
    """Return a mail's content under a header with the ids, separated by commas, that it has in the log.

    A private mail gets none: who asked for it may have chosen the id, and need not be its recipient.
    """
    if not stories or mail.private:
        return mail.content
    folded = stories.replace(",", ",\r\n ")  # RFC 5322 section 2.2.3
    return f"{CORRELATION_HEADER}: {folded}\r\n".encode("ascii") + mail.content
