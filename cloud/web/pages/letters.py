"""The letters, newest first, and one letter with the words that prove each fact."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cloud.accounts.model import Member
from cloud.devices.repository import DeviceRepository
from cloud.images.model import LETTER, Image
from cloud.images.repository import ImageRepository
from cloud.letters.model import Fact, Letter
from cloud.letters.repository import LetterRepository
from cloud.mail.repository import MailRepository
from cloud.notifications.findings import Finding, ReadLetter, findings
from cloud.ocr.repository import OcrRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.ocr_engine import OcrLine, OcrPage, Point
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.site import PAGE_LENGTH, Site, View, not_found


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the letter's text, the numbers of the findings it proves, the names of the quotes that begin here."""

    text: str
    findings: tuple[int, ...]
    begins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """Where a finding stands on the image, as the points of an SVG polygon."""

    finding: int
    points: str


def build_router(site: Site) -> APIRouter:
    """Return the routes of letters."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/letters")
    def show_all(request: Request, member: Annotated[Member, Depends(site.member)], before: str = "~") -> Response:
        """Show one page of letters, those before the id ``before``."""
        with site.ports.database.read() as unit_of_work:
            values = _page_of_letters(unit_of_work, member.household_id, before)
        return site.answer(request, View("letters.html", "Letters", values, live=True), member)

    @router.get("/letters/{letter_id}")
    def show(letter_id: str, request: Request, member: Annotated[Member, Depends(site.member)]) -> Response:
        """Show one letter."""
        with site.ports.database.read() as unit_of_work:
            letter = LetterRepository(unit_of_work).get(member.household_id, letter_id)
            if letter is None:
                raise not_found("letter")
            values = _one_letter(unit_of_work, letter)
        title = letter.subject or letter.sender or "Letter"
        return site.answer(request, View("letter.html", title, values), member)

    return router


def _page_of_letters(unit_of_work: UnitOfWork, household_id: str, before: str) -> dict[str, object]:
    repository = LetterRepository(unit_of_work)
    found = repository.newest(household_id, PAGE_LENGTH + 1, before)
    letters, more = found[:PAGE_LENGTH], len(found) > PAGE_LENGTH
    ids = [letter.id for letter in letters]
    facts = repository.facts_of_letters(household_id, ids)
    images = ImageRepository(unit_of_work).of_letters(household_id, ids)
    return {
        "letters": [ReadLetter(letter, tuple(facts[letter.id])) for letter in letters],
        "images": {image.letter_id: image for image in reversed(_first_read(images))},
        "older": letters[-1].id if more else "",
        "first_page": before == "~",
    }


def _one_letter(unit_of_work: UnitOfWork, letter: Letter) -> dict[str, object]:
    household_id = letter.household_id
    read = ReadLetter(letter, tuple(LetterRepository(unit_of_work).facts_of(household_id, letter.id)))
    found = findings(read)
    images = _first_read(ImageRepository(unit_of_work).of_letter(household_id, letter.id))
    page = OcrRepository(unit_of_work).newest(household_id, images[0].id) if images else None
    return {
        "read": read,
        "findings": found,
        "images": images,
        "page": page,
        "boxes": list(boxes(page, letter.text, found)) if page else [],
        "stretches": stretches(letter.text, found),
        "mails": MailRepository(unit_of_work).headings_of_episodes(household_id, [letter.episode_id or ""]),
        "mailbox": DeviceRepository(unit_of_work).mailbox_names(household_id, [letter.mailbox_id])[letter.mailbox_id],
    }


def stretches(text: str, found: Sequence[Finding]) -> list[Stretch]:
    """Return the text cut wherever a quote begins or ends; a quote that is not in the text marks nothing."""
    quotes = [
        (number, f"{number}-{place}", fact)
        for number, finding in enumerate(found)
        for place, fact in enumerate(finding.proofs)
        if text[fact.char_start : fact.char_end] == fact.raw
    ]
    cuts = {0, len(text)} | {cut for _, _, fact in quotes for cut in (fact.char_start, fact.char_end)}
    return [
        Stretch(
            text[start:end],
            tuple(sorted({n for n, _, fact in quotes if fact.char_start <= start and end <= fact.char_end})),
            tuple(name for _, name, fact in quotes if fact.char_start == start),
        )
        for start, end in pairwise(sorted(cuts))
    ]


def boxes(page: OcrPage, text: str, found: Sequence[Finding]) -> Iterator[Box]:
    """Yield where each finding stands on the upright image; of a line that it quotes in part, that part."""
    starts = _line_starts(page, text)
    places = [(n, fact, seq) for n, finding in enumerate(found) for fact in finding.proofs for seq in fact.line_ids]
    for number, fact, seq in places:
        if seq < len(page.lines):
            line = page.lines[seq]
            share = _share(line, starts[seq], fact) if starts else (0.0, 1.0)
            yield Box(number, " ".join(f"{x:.0f},{y:.0f}" for x, y in _part(line.polygon, *share)))


def _line_starts(page: OcrPage, text: str) -> list[int]:
    """Return where each line begins in the letter's text, [] when the text is not just these lines."""
    if "\n".join(line.text for line in page.lines) != text:
        return []
    starts = [0]
    for line in page.lines:
        starts.append(starts[-1] + len(line.text) + 1)
    return starts


def _share(line: OcrLine, start: int, fact: Fact) -> tuple[float, float]:
    length = max(len(line.text), 1)
    return max((fact.char_start - start) / length, 0.0), min((fact.char_end - start) / length, 1.0)


def _part(polygon: Sequence[Point], start: float, end: float) -> list[Point]:
    """Return the part of a line's box between two shares of its width; letters are taken to be equally wide."""
    if len(polygon) != 4 or not start < end:
        return list(polygon)
    top_left, top_right, bottom_right, bottom_left = polygon
    return [
        _between(top_left, top_right, start),
        _between(top_left, top_right, end),
        _between(bottom_left, bottom_right, end),
        _between(bottom_left, bottom_right, start),
    ]


def _between(one: Point, other: Point, share: float) -> Point:
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share


def _first_read(images: Sequence[Image]) -> list[Image]:
    """Return the images with those that a letter was made from first."""
    return sorted(images, key=lambda image: image.state != LETTER)
