"""Writing the e-mail of a delivery: subject, text, HTML and the pictures inside it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cloud.accounts.model import Member
from cloud.notifications.model import Delivery
from cloud.ports.ports import Ports


@dataclass(frozen=True, slots=True)
class Written:
    """A finished e-mail."""

    recipient: str
    subject: str
    content: bytes


def write(delivery: Delivery, owner: Member, ports: Ports) -> Written:
    """Return the delivery's e-mail to one owner; letters' text is escaped in HTML and has no line breaks in headers."""
    when = _local(delivery.episode.closed_at or 0, ports.time_zone)
    values = {"delivery": delivery, "owner": owner, "when": when, "url": ports.public_url}
    subject = " ".join(_render("subject.txt", values).split())
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject
    message["From"] = ports.mail_from
    message["To"] = owner.user.email
    message["Date"] = format_datetime(when.astimezone(UTC))
    message["Message-ID"] = f"<delivery.{delivery.episode.id}@pillarbox>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no robot should answer
    message["X-Pillarbox-Delivery"] = delivery.episode.id
    message.set_content(_render("body.txt", values))
    message.add_alternative(_render("body.html", values), subtype="html")
    html = message.get_payload()[1]  # type: ignore[index] # the part just added
    for picture in delivery.pictures:
        if picture.jpeg:
            html.add_related(picture.jpeg, "image", "jpeg", cid=f"<{picture.content_id}>", disposition="inline")  # type: ignore[union-attr] # it is a message
    return Written(owner.user.email, subject[:500], message.as_bytes())


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("cloud.notifications", "templates/delivery"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(name: str, values: dict[str, object]) -> str:
    return _templates().get_template(name).render(values)


def _local(milliseconds: int, time_zone: str) -> datetime:
    zone = ZoneInfo(time_zone) if time_zone else None
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).astimezone(zone)
