"""Metadata leaves, pixels stay."""

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms

from edge_gateway.jpeg_segments import SegmentError, strip_metadata
from tests.unit.edge_gateway.fakes import letter

SECRETS = b"Hauptstrasse 1"


def jpeg(**options) -> bytes:
    file = io.BytesIO()
    letter().save(file, "JPEG", **options)
    return file.getvalue()


def with_segment(marker: int, body: bytes) -> bytes:
    plain = jpeg()
    return plain[:2] + bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]


def pixels_differ(one: bytes, other: bytes) -> bool:
    with Image.open(io.BytesIO(one)) as first, Image.open(io.BytesIO(other)) as second:
        return ImageChops.difference(first.convert("RGB"), second.convert("RGB")).getbbox() is not None


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (0xE1, b"Exif\0\0" + SECRETS),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRETS),
        (0xED, b"Photoshop 3.0\0" + SECRETS),
        (0xE2, b"MPF\0" + SECRETS),
        (0xE0, b"JFXX\0" + SECRETS),
        (0xE5, SECRETS),
        (0xFE, SECRETS),
    ],
)
def test_a_segment_that_tells_more_than_the_image_is_taken_out(marker, body) -> None:
    stripped = strip_metadata(with_segment(marker, body))
    assert SECRETS not in stripped
    assert stripped == jpeg()


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 30},
        {"quality": 100, "subsampling": 0},
        {"progressive": True},
        {"restart_marker_blocks": 2},
        {"optimize": True},
    ],
)
def test_the_pixels_are_the_same(options) -> None:
    assert not pixels_differ(strip_metadata(jpeg(**options)), jpeg(**options))


def test_a_colour_profile_stays() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert profile in strip_metadata(jpeg(icc_profile=profile))


def test_adobe_colours_stay() -> None:
    file = io.BytesIO()
    letter().convert("CMYK").save(file, "JPEG")
    assert not pixels_differ(strip_metadata(file.getvalue()), file.getvalue())


def test_what_follows_the_image_is_cut_off() -> None:
    assert strip_metadata(jpeg() + SECRETS + jpeg()) == jpeg()


def test_fill_bytes_before_a_marker_are_allowed() -> None:
    plain = jpeg()
    assert strip_metadata(plain[:2] + b"\xff\xff" + plain[2:]) == plain


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"GIF89a",
        jpeg()[:300],
        jpeg()[:-2],
        with_segment(0xE1, b"x")[:6],
        b"\xff\xd8\xff\xe1\0\1",
    ],
)
def test_bytes_that_are_no_whole_jpeg_are_refused(odd) -> None:
    with pytest.raises(SegmentError, match="expected"):
        strip_metadata(odd)


@given(st.binary(max_size=200))
def test_any_bytes_are_stripped_or_refused(tail) -> None:
    for odd in (tail, b"\xff\xd8" + tail, jpeg()[:200] + tail):
        with contextlib.suppress(SegmentError):
            assert strip_metadata(odd).startswith(b"\xff\xd8")
