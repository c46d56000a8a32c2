"""Writing the e-mail of a delivery: subject, text, HTML and the images inside it."""

import re
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from functools import cache
from textwrap import fill

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cloud.accounts.model import Member
from cloud.email_heads import new_message
from cloud.mailbox_events.model import Episode
from cloud.notifications import wording
from cloud.notifications.findings import ReadLetter, asks, quote, short_findings, summary, what_to_do
from cloud.notifications.model import Delivery
from cloud.notifications.written import Written
from cloud.ports.ports import Ports

# Long enough for sender and subject; phones show the first 40 characters, Gmail about 70.
LONGEST_SUBJECT = 120
TEXT_WIDTH = 76


def write(delivery: Delivery, owner: Member, ports: Ports) -> Written:
    """Return the delivery's e-mail to one owner; words of letters are escaped in HTML and one line in headers."""
    subject = subject_of(delivery, ports.time_zone)
    values = {
        "delivery": delivery,
        "when": wording.local(delivery.episode.shown_at, ports.time_zone),
        "door": door(delivery.episode, ports.time_zone),
        "without_image": delivery.without_image,
        "subject": subject,
        "preheader": _preheader(delivery),
        "url": ports.public_url.rstrip("/"),
        "local": lambda milliseconds: wording.local(milliseconds, ports.time_zone),
    }
    message = _envelope(delivery, owner, ports)
    message["Subject"] = subject
    message.set_content(_render("body.txt", values), cte="quoted-printable")
    message.add_alternative(_render("body.html", values), subtype="html", cte="quoted-printable")
    _add_images(message, delivery)
    return Written(owner.user.id, owner.user.email, subject[:500], message.as_bytes())


def door(episode: Episode, time_zone: str) -> str:
    """Return when the door was opened and closed in an episode, as far as it was reported."""
    return wording.door(episode.opened_at, episode.reported_close, episode.shown_at, time_zone)


def subject_of(delivery: Delivery, time_zone: str) -> str:
    """Return the subject: who wrote and what to do, or what else is worth knowing from a list of mails."""
    letters = [read for read, _ in delivery.letters]
    if len(letters) == 1:
        subject = _letter_line(letters[0])
    elif letters:
        senders = [wording.one_line(read.letter.sender or "sender unknown", 40) for read in letters]
        subject = f"{len(letters)} letters: {wording.listed(list(dict.fromkeys(senders)))}"
    elif delivery.failed:
        subject = "Something came, but it could not be read"
    elif delivery.without_letter and not delivery.waiting:
        subject = "Something came, but the image shows no letter"
    elif delivery.repeats and not delivery.waiting:
        subject = "Nothing new: this image came before"
    else:
        subject = _opening_line(delivery.episode, time_zone)
    return wording.one_line(subject, LONGEST_SUBJECT)


def _opening_line(episode: Episode, time_zone: str) -> str:
    if episode.opened_at is not None:
        return f"Your mailbox was opened at {wording.local(episode.opened_at, time_zone):%H:%M}"
    noticed = f"{wording.local(episode.shown_at, time_zone):%H:%M}"
    return f"Your mailbox was closed at {noticed}" if episode.reported_close else f"Something came at {noticed}"


def _letter_line(read: ReadLetter) -> str:
    letter = read.letter
    about = _in_short(letter.what_to_do, letter.sender) or letter.subject
    if not about:
        return f"A letter from {letter.sender}" if letter.sender else "A letter has come"
    if not letter.sender or letter.sender not in about:
        about = f"{letter.sender or 'A letter'}: {about}"
    unsure = any(ask.is_possible for ask in asks(read)) and "confirm" not in about
    return f"{about} (please confirm)" if unsure else about


def _in_short(what_to_do: str | None, sender: str | None) -> str:
    """Return what to do without the reference, and without the sender where the sentence stands without."""
    short = re.sub(r" \(reference [^()]*\)", "", what_to_do or "")
    if sender:
        short = re.sub(rf" (?:to|with|from) {re.escape(sender)}(?!\w)", "", short)
    return short.strip().removesuffix(".")


def _preheader(delivery: Delivery) -> str:
    """Return what mail programs show beside the subject in a list: what the subject has left out."""
    summaries = [summary(read.letter) for read, _ in delivery.letters]
    return wording.one_line(" · ".join(filter(None, summaries)), LONGEST_SUBJECT)


def _envelope(delivery: Delivery, owner: Member, ports: Ports) -> EmailMessage:
    written = delivery.episode.settled_at or delivery.episode.shown_at
    to = Address(wording.one_line(owner.user.name), addr_spec=owner.user.email)
    message = new_message(ports.mail_from, to, f"delivery.{delivery.episode.id}.{owner.user.id}", written)
    message["X-Pillarbox-Delivery"] = delivery.episode.id
    return message


def _add_images(message: EmailMessage, delivery: Delivery) -> None:
    """Put the images beside the HTML part, which names them by content id (RFC 2392)."""
    html = message.get_body(("html",))
    for number, one in enumerate(delivery.images, start=1):
        if isinstance(html, MIMEPart) and one.jpeg:
            name = f"image-{number}.jpg"
            cid = f"<{one.content_id}>"
            html.add_related(one.jpeg, "image", "jpeg", cid=cid, disposition="inline", filename=name)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("cloud.notifications", "templates/delivery"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "asks": asks,
        "counted": wording.counted,
        "clock": lambda moment: f"{moment:%H:%M}",
        "day": wording.day,
        "fact_name": wording.fact_name,
        "fact_line": lambda one: wording.fact_line(one.kind, one.value),
        "fact_value": lambda one: wording.fact_value(one.kind, one.value),
        "findings": short_findings,
        "one_line": wording.one_line,
        "quote": lambda finding, read: quote(read.letter.text, finding.proofs[0]),
        "sentence": wording.sentence,
        "summary": summary,
        "weekday": wording.weekday,
        "what_to_do": what_to_do,
        "wrapped": _wrapped,
    }
    return environment


def _render(name: str, values: dict[str, object]) -> str:
    return _templates().get_template(name).render(values)


def _wrapped(text: str, indent: str = "") -> str:
    """Return plain text in lines that every mail program shows without breaking them again."""
    lines = wording.plain_text(text).splitlines()
    return "\n".join(
        fill(line, TEXT_WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
        for line in lines
    )
