"""Take the metadata out of a JPEG without decoding it (markers: ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

START = b"\xff\xd8"
SCAN = 0xDA
END = 0xD9
COMMENT = 0xFE
APPLICATION = range(0xE0, 0xF0)
# What a decoder needs for the right colours: JFIF's header, ICC profile, Adobe's colour transform.
KEPT_APPLICATION = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
# Inside compressed data FF 00 is a stuffed byte, FF D0 to D7 restart markers, FF FF padding; all else is a marker.
MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class SegmentError(ValueError):
    """The bytes do not have the segment structure of a JPEG."""


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    body: bytes  # without marker and length
    whole: bytes


def strip_metadata(jpeg: bytes) -> bytes:
    """Return the same image without EXIF, XMP, IPTC, comments, previews and trailing data; raises SegmentError."""
    return START + b"".join(segment.whole for segment in _segments(jpeg) if _is_needed(segment)) + bytes((0xFF, END))


def _is_needed(segment: _Segment) -> bool:
    if segment.marker in APPLICATION:
        name = KEPT_APPLICATION.get(segment.marker)
        return name is not None and segment.body.startswith(name)
    return segment.marker != COMMENT


def _segments(jpeg: bytes) -> Iterator[_Segment]:
    if not jpeg.startswith(START):
        raise SegmentError(f"expected a JPEG to begin with ff d8, got {jpeg[:2].hex(' ')}")
    at = len(START)
    while True:
        at = _marker_at(jpeg, at)
        marker = jpeg[at + 1]
        if marker == END:
            return
        end = _segment_end(jpeg, at)
        body = jpeg[at + 4 : end]
        if marker == SCAN:
            end = _scan_end(jpeg, end)
        yield _Segment(marker, body, jpeg[at:end])
        at = end


def _marker_at(jpeg: bytes, at: int) -> int:
    """Return where the marker begins whose fill bytes may begin at ``at``."""
    while jpeg[at : at + 2] == b"\xff\xff":
        at += 1
    if at + 2 > len(jpeg) or jpeg[at] != 0xFF or jpeg[at + 1] == 0:
        raise SegmentError(f"expected a marker at byte {at}, got {jpeg[at : at + 2].hex(' ') or 'the end'}")
    return at


def _segment_end(jpeg: bytes, at: int) -> int:
    length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
    end = at + 2 + length
    if length < 2 or end > len(jpeg):
        raise SegmentError(f"expected a segment within {len(jpeg)} bytes, got one from {at} to {end}")
    return end


def _scan_end(jpeg: bytes, at: int) -> int:
    marker = MARKER_IN_SCAN.search(jpeg, at)
    if marker is None:
        raise SegmentError("expected an end marker after the compressed data, got none")
    return marker.start()
