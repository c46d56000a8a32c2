"""Deliveries as data, and how their e-mails are read back."""

from dataclasses import fields, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from cloud.accounts.model import Member, User
from cloud.images.model import FAILED, LETTER, STORED, Image
from cloud.letters.model import Fact, Letter
from cloud.mailbox_events.model import Episode
from cloud.notifications.findings import ReadLetter
from cloud.notifications.model import Delivery, DeliveryImage
from cloud.notifications.service import write
from cloud.ports.ports import Ports

CLOSED_AT = 1_795_269_900_000  # 21 November 2026, 14:05 UTC
OWNER = Member(User("u-1", "priya@example.org", "Priya Hartley"), "h-1", "Priya's household", "owner")
EPISODE = Episode(
    "e-1", "h-1", "m-1", "b-1", CLOSED_AT - 40_000, CLOSED_AT, "c-1", CLOSED_AT, 1, "delivery", CLOSED_AT + 9_000
)  # fmt: skip
IMAGE = Image(
    "i-1", "h-1", "g-1", "image-1", "e-1", None, "0" * 64, 9, 3, 4, CLOSED_AT, 0, CLOSED_AT, CLOSED_AT, STORED, None,
    CLOSED_AT,
)  # fmt: skip
JPEG = b"\xff\xd8\xff\xe0 a small picture"
SNAPSHOTS = Path(__file__).parent / "snapshots"

BILL_TEXT = (
    "Northmoor Energy\nYour electricity bill\nTotal to pay £84.20\n"
    "Please pay by 7 December 2026\nAccount number 8504 2217 936"
)
BILL = Letter(
    id="l-1",
    household_id="h-1",
    mailbox_id="m-1",
    episode_id="e-1",
    arrived_at=CLOSED_AT,
    language="en",
    category="real-estate-utilities",
    category_confidence=0.93,
    action_status="require-action",
    sender="Northmoor Energy",
    recipient="Ms Priya Hartley",
    subject="Your electricity bill",
    summary="Electricity from 1 August to 31 October 2026. The total is £84.20.",
    what_to_do="Pay £84.20 to Northmoor Energy by 7 December 2026 (reference 8504 2217 936).",
    due_date="2026-12-07",
    amount="84.20",
    currency="GBP",
    reference="8504 2217 936",
    text=BILL_TEXT,
    created_at=CLOSED_AT,
)
GERMAN_TEXT = "Zahnärzte am Schloß\nHerr Jürgen Müller\nIhr Termin: 12. Januar 2027, 10:20 Uhr"
APPOINTMENT = replace(
    BILL, id="l-2", language="de", category="healthcare-medical", sender="Zahnärzte am Schloß", recipient="Herr Müller",
    subject="Ihr Termin", summary="Zahnärzte am Schloß writes about “Ihr Termin”.", amount=None, currency=None,
    what_to_do="Keep the appointment", due_date="2027-01-12", reference=None, text=GERMAN_TEXT,
)  # fmt: skip
SILENT = replace(
    BILL, id="l-3", sender=None, recipient=None, subject=None, summary="", what_to_do=None, due_date=None, amount=None,
    currency=None, reference=None, language=None, category="miscellaneous", text="Hello\nthere, my dear friend",
)  # fmt: skip


def fact(letter: Letter, kind: str, value: str, raw: str, tier: str = "stated") -> Fact:
    """Return a fact proved by the words ``raw`` of the letter."""
    start = letter.text.index(raw)
    return Fact(kind, value, raw, (letter.text.count("\n", 0, start),), start, start + len(raw), 0.97, tier)


BILL_READ = ReadLetter(
    BILL,
    (
        fact(BILL, "amount", "84.20 GBP", "£84.20"),
        fact(BILL, "due_date", "2026-12-07", "7 December 2026"),
        fact(BILL, "reference", "8504 2217 936", "8504 2217 936"),
        fact(BILL, "sender", "Northmoor Energy", "Northmoor Energy"),
    ),
)
APPOINTMENT_READ = ReadLetter(
    APPOINTMENT,
    (
        fact(APPOINTMENT, "due_date", "2027-01-12", "12. Januar 2027", "possible"),
        fact(APPOINTMENT, "appointment_time", "10:20", "10:20 Uhr"),
    ),
)
SILENT_READ = ReadLetter(SILENT, ())


def brought(
    number: int = 1, read: ReadLetter | None = None, *, jpeg: bytes | None = JPEG, **values: Any
) -> DeliveryImage:
    """Return one image of a delivery; what was read of it decides its state unless ``values`` say otherwise."""
    image = replace(IMAGE, id=f"i-{number}", state=LETTER if read else STORED)
    return DeliveryImage(replace(image, **values), read, jpeg)


def unreadable(number: int, reason: str) -> DeliveryImage:
    """Return an image that could not be read."""
    return brought(number, state=FAILED, reason=reason)


def delivery(
    *images: DeliveryImage, missing: int = 0, has_gateway: bool = True, episode: Episode = EPISODE
) -> Delivery:
    """Return a delivery of these images, and of ``missing`` more that the camera has only counted."""
    counted = episode._replace(image_count=len(images) + missing)
    return Delivery(counted, "Front gate", images, has_gateway)


def written(
    told: Delivery, owner: Member = OWNER, mail_from: str = "Pillarbox <post@pillarbox.example>"
) -> EmailMessage:
    """Return the delivery's e-mail as a mail program parses it; a defect in it is an error."""
    unused: dict[str, Any] = {field.name: None for field in fields(Ports)}
    chosen = {"public_url": "http://localhost:8000", "mail_from": mail_from, "time_zone": "Europe/London"}
    ports = Ports(**unused | chosen)
    content = write(told, owner, ports).content
    return message_from_bytes(content, _class=EmailMessage, policy=default.clone(raise_on_defect=True))


def part(message: EmailMessage, kind: str) -> str:
    """Return the text of the ``plain`` or ``html`` part."""
    body = message.get_body((kind,))
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).replace("\r\n", "\n")
