"""The e-mails that were written, and each as a mail program would show it."""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from cloud.accounts.model import Member
from cloud.mail.repository import MailRepository
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.site import PAGE_LENGTH, Site, View, not_found

STATES = {
    "pending": "waiting to be sent",
    "sending": "being sent",
    "sent": "sent",
    "failed": "could not be sent",
    "suppressed": "not sent: the address wants no mail",
    "unknown": "perhaps sent: the mail server did not say",
}
SHOWN_HEADERS = ("From", "To", "Date")
SAFE_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
# The mail's own styles may act and its own images may load, nothing else: no script, no form, no other server.
MAIL_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
_CONTENT_ID = re.compile(r"cid:([^\"'\s<>)]+)")


@dataclass(frozen=True, slots=True)
class Part:
    """An image inside a mail."""

    content_id: str
    media_type: str
    content: bytes


def build_router(site: Site) -> APIRouter:
    """Return the routes of the outbox."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    CurrentMember = Annotated[Member, Depends(site.member)]  # noqa: N806 - a type

    @router.get("/outbox")
    def show_all(request: Request, member: CurrentMember, before: str = "~") -> Response:
        """Show one page of mails, those before the id ``before``."""
        with site.ports.database.read() as unit_of_work:
            found = MailRepository(unit_of_work).headings(member.household_id, PAGE_LENGTH + 1, before)
        mails, more = found[:PAGE_LENGTH], len(found) > PAGE_LENGTH
        older = mails[-1].id if more else ""
        values = {"mails": mails, "states": STATES, "older": older, "first_page": before == "~"}
        return site.answer(request, View("outbox.html", "E-mails", values, live=True), member)

    @router.get("/outbox/{mail_id}")
    def show(mail_id: str, request: Request, member: CurrentMember) -> Response:
        """Show one mail: headers, the HTML in a frame of its own, the text beside it."""
        with site.ports.database.read() as unit_of_work:
            mail = MailRepository(unit_of_work).shown(member.household_id, mail_id)
        if mail is None:
            raise not_found("e-mail")
        message = _parsed(mail.content)
        headers = [(name, str(message[name])) for name in SHOWN_HEADERS if message[name]]
        values = {"mail": mail, "states": STATES, "headers": headers, "text": _body(message, "plain")}
        return site.answer(request, View("mail.html", mail.subject, values), member)

    @router.get("/outbox/{mail_id}/body")
    def show_body(mail_id: str, member: CurrentMember) -> Response:
        """Send the mail's HTML for the frame."""
        message = _message(site, member, mail_id)
        html = _body(message, "html") or "<p>This e-mail is plain text.</p>"
        numbers = {part.content_id: number for number, part in enumerate(_images(message))}
        return HTMLResponse(_with_images(html, mail_id, numbers), headers={"Content-Security-Policy": MAIL_POLICY})

    @router.get("/outbox/{mail_id}/images/{number}")
    def show_image(mail_id: str, number: int, member: CurrentMember) -> Response:
        """Send one image of the mail."""
        images = _images(_message(site, member, mail_id))
        if not 0 <= number < len(images):
            raise not_found("image")
        return Response(images[number].content, media_type=images[number].media_type)

    return router


def _message(site: Site, member: Member, mail_id: str) -> EmailMessage:
    with site.ports.database.read() as unit_of_work:
        mail = MailRepository(unit_of_work).shown(member.household_id, mail_id)
    if mail is None:
        raise not_found("e-mail")
    return _parsed(mail.content)


def _parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, _class=EmailMessage, policy=default)


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if isinstance(part, EmailMessage) else ""


def _images(message: EmailMessage) -> list[Part]:
    """Return the images that the mail's HTML may name; only types that browsers never take for a page."""
    parts = [part for part in message.walk() if part.get_content_type() in SAFE_IMAGES and part["Content-ID"]]
    return [
        Part(str(part["Content-ID"]).strip("<> "), part.get_content_type(), bytes(part.get_payload(decode=True)))
        for part in parts
    ]


def _with_images(html: str, mail_id: str, numbers: dict[str, int]) -> str:
    """Return the HTML with each ``cid:`` address (RFC 2392) replaced by the route that sends the image."""

    def address(match: re.Match[str]) -> str:
        number = numbers.get(unquote(match[1]))
        return match[0] if number is None else f"/outbox/{mail_id}/images/{number}"

    return _CONTENT_ID.sub(address, html)
