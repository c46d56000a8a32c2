"""Where the compressed data of a JPEG begin and end (ITU-T T.81 annex B)."""

from collections.abc import Iterator

from cloud.errors import RefusedError

SOS, EOI = 0xDA, 0xD9
# Frames whose scans are whole images, and those whose scans are bits of them (table B.1).
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1, 0xC5, 0xC9, 0xCD), (0xC2, 0xC6, 0xCA, 0xCE)
COEFFICIENTS = 64
# Above the last bit of any coefficient.
UNSENT = 16
# Data of no meaning, without 0xFF, in which any decoder finds some coefficients.
_FILLER = bytes(range(1, 255)) * 4


def end_of_scan(content: bytes, place: int) -> int:
    """Return where the compressed data end: at the first marker that is no stuffed byte and no restart (B.1.1)."""
    while (place := content.find(b"\xff", place)) != -1 and place + 1 < len(content):
        following = content[place + 1]
        if following != 0 and not 0xD0 <= following <= 0xD7 and following != 0xFF:
            return place
        place += 1 if following == 0xFF else 2
    raise RefusedError("expected a whole JPEG image, got one that ends within its data")


def segments(content: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield each segment up to the image's end: its marker, its body, and where it ends with the data of its scan."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == EOI:
            return
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        begin, place = place + 4, place + 2 + int.from_bytes(content[place + 2 : place + 4])
        body = content[begin:place]
        place = end_of_scan(content, place) if marker == SOS else max(place, begin)
        yield marker, body, place


def with_more_data(content: bytes) -> bytes:
    """Return the image with something behind its first scan: it changes no pixel unless some were missing."""
    for marker, _, end in segments(content):
        if marker == SOS:
            return content[:end] + _FILLER + content[end:]
    raise RefusedError("expected a JPEG image, got one without any data")


def is_unfinished(content: bytes) -> bool:
    """Return whether some coefficients of a progressive image were never sent to their last bit (G.1.1.1).

    Nothing asks an encoder to send all; but each does, and a cut between two scans shows in nothing else.
    """
    sent: dict[int, list[int]] = {}
    for marker, body, _ in segments(content):
        if marker in SEQUENTIAL:
            return False
        if marker in PROGRESSIVE and not sent:
            sent = {component: [UNSENT] * COEFFICIENTS for component in body[6::3]}
        elif marker == SOS:
            _note_scan(sent, body)
    return any(any(levels) for levels in sent.values())


def _note_scan(sent: dict[int, list[int]], body: bytes) -> None:
    """Note down to which bit a scan has sent which coefficients of its components (B.2.3)."""
    components, progression = body[1:-3:2], body[-3:]
    if len(progression) != 3:
        raise RefusedError(f"expected a scan header of 6 bytes or more, got {len(body)}")
    first, last, approximation = progression
    before, low = approximation >> 4, approximation & 15
    for levels in (sent[component] for component in components if component in sent):
        for number in range(first, min(last + 1, COEFFICIENTS)):
            if before in (0, levels[number]):
                levels[number] = low
