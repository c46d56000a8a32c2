"""A JPEG without what it tells of its photographer: place, time, camera, comments, and what hangs on behind its end."""

import struct

from cloud.errors import RefusedError
from cloud.images.model import orientation
from cloud.images.scan import SOS, end_of_scan

SOI, EOI = 0xD8, 0xD9
# JFIF, the colour profile and Adobe's colour transform change how the image looks; every other APPn goes.
APP0, APP2, APP14, APP15, COMMENT = 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
PROFILE = b"ICC_PROFILE\0"
UPRIGHT = 1


def without_metadata(content: bytes) -> bytes:
    """Return the same image, not compressed anew, with no metadata but which side is up; raises RefusedError."""
    kept, place = [b"\xff\xd8"], 2
    turned = orientation(content)
    if turned != UPRIGHT:
        kept.append(_orientation_segment(turned))
    while place + 2 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker == EOI:
            return b"".join((*kept, b"\xff\xd9"))
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4])
        if marker == SOS:
            end = end_of_scan(content, end)
        if not _is_metadata(marker, content[place + 4 : place + 4 + len(PROFILE)]):
            kept.append(content[place:end])
        place = max(end, place + 2)
    raise RefusedError("expected a whole JPEG image, got one without its end")


def _is_metadata(marker: int, start: bytes) -> bool:
    if marker == APP2:
        return start != PROFILE
    return marker == COMMENT or (APP0 < marker <= APP15 and marker != APP14)


def _orientation_segment(value: int) -> bytes:
    """Return an Exif segment that says which side is up and nothing else (EXIF 2.32 section 4.5)."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, value, 0)
    tiff = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
