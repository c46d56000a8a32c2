"""The e-mails of accounts: what they say, and how they leave through the mail outbox."""

from collections.abc import Callable
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cloud.accounts.limits import MAIL_TO_RECIPIENT, Bucket, take_within
from cloud.accounts.model import NO_ADDRESS, User
from cloud.accounts.repository import AccountRepository
from cloud.email_heads import new_message
from cloud.errors import RateLimitedError
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event


@dataclass(frozen=True, slots=True)
class AccountMail:
    """A finished e-mail for one person's eyes alone; ``key`` makes it the only one of its cause."""

    household_id: str
    key: str
    recipient: str
    subject: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Post:
    """How mails leave: ``put`` adds one to the mail outbox in the caller's transaction.

    ``follow`` adds the jobs of what has happened there, for a mail that is written later.
    """

    put: Callable[[UnitOfWork, AccountMail], None]
    follow: Callable[[UnitOfWork, Event], None]
    public_url: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail to write: which template, to whom, for which household's outbox, with which values."""

    template: str
    to: User
    household_id: str
    values: dict[str, str]


def send(unit_of_work: UnitOfWork, post: Post, draft: Draft) -> None:
    """Write a mail that counts and queue it; raises RateLimitedError when the recipient got too many today."""
    if not draft.to.email.endswith(NO_ADDRESS):
        take_within(unit_of_work, [Bucket(MAIL_TO_RECIPIENT, draft.to.email)])
    put(unit_of_work, post, draft)


def may_hear(unit_of_work: UnitOfWork, holder: User) -> bool:
    """Return whether the holder of an account may be mailed a link for a new password, or what has followed from one.

    Always at an address that they have confirmed: what strangers have us send there, invitations for one, uses up
    nothing of it. Any other may be a stranger's, and there it counts as every mail does.
    """
    if AccountRepository(unit_of_work).is_verified(holder.id):
        return True
    try:
        take_within(unit_of_work, [Bucket(MAIL_TO_RECIPIENT, holder.email)])
    except RateLimitedError:
        return False
    return True


def put(unit_of_work: UnitOfWork, post: Post, draft: Draft) -> None:
    """Write a mail and queue it, however many there were; none where mail never goes."""
    if draft.to.email.endswith(NO_ADDRESS):
        return
    mail_id = unit_of_work.new_id()
    message = write(draft, post, mail_id, unit_of_work.now)
    key = f"account:{draft.template}:{mail_id}"
    post.put(
        unit_of_work, AccountMail(draft.household_id, key, draft.to.email, str(message["Subject"]), bytes(message))
    )


def write(draft: Draft, post: Post, mail_id: str, now: int) -> EmailMessage:
    """Return the mail, as plain text and as HTML."""
    values = draft.values | {"name": one_line(draft.to.name), "public_url": post.public_url, "email": draft.to.email}
    to = Address(one_line(draft.to.name), addr_spec=draft.to.email)
    message = new_message(post.mail_from, to, f"account.{mail_id}", now)
    message["Subject"] = one_line(_render(draft.template, "subject.txt", values))
    message.set_content(_render(draft.template, "body.txt", values))
    message.add_alternative(_render(draft.template, "body.html", values), subtype="html")
    return message


def one_line(text: str) -> str:
    """Return text without line ends and other control characters, which headers must not have."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _render(template: str, part: str, values: dict[str, str]) -> str:
    return _templates().get_template(f"{template}/{part}").render(values)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("cloud.accounts", "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
