"""Where the compressed data of a JPEG begin and end (ITU-T T.81 annex B)."""

from cloud.errors import RefusedError

SOS = 0xDA
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


def with_more_data(content: bytes) -> bytes:
    """Return the image with something behind its first scan: it changes no pixel unless some were missing."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        place += 2 + int.from_bytes(content[place + 2 : place + 4])
        if marker == SOS:
            end = end_of_scan(content, place)
            return content[:end] + _FILLER + content[end:]
    raise RefusedError("expected a JPEG image, got one without any data")
