"""What is looked at before an image is taken, and the previews made of it."""

import hashlib
import io
import re
import struct
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage

from cloud.errors import RefusedError, TooLargeError, UnsupportedTypeError
from cloud.images.model import MOST_SCANS, inspect, preview
from cloud.images.scan import is_unfinished
from tests.unit.cloud.messages import jpeg

MOST_PIXELS = 64_000_000


def look(content, max_pixels=MOST_PIXELS):
    return inspect(content, sha256=hashlib.sha256(content).hexdigest(), max_pixels=max_pixels)


def claiming(width, height, content=None):
    """Return a JPEG whose header claims another size than it has."""
    content = bytearray(content or jpeg())
    place = next(place for place in range(len(content)) if content[place : place + 2] in (b"\xff\xc0", b"\xff\xc2"))
    content[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def png_of(width, height):
    """Return a PNG that claims a size and holds one line of it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(width + 1))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(64, 48), (1, 1), (7, 3), (3, 900), (1200, 900)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 5}, {"comment": b"\xff\xda" * 3}])
def test_a_whole_jpeg_of_any_size_is_taken(size, options):
    assert look(jpeg(size=size, **options)) == size


def test_a_grey_jpeg_is_taken():
    out = io.BytesIO()
    PilImage.new("L", (30, 20), 90).save(out, "JPEG")
    assert look(out.getvalue()) == (30, 20)


def test_other_bytes_than_announced_are_refused():
    with pytest.raises(RefusedError, match="expected an image with the announced SHA-256"):
        inspect(jpeg(), sha256="0" * 64, max_pixels=MOST_PIXELS)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"Dear Sir or Madam", "text"),
        (png_of(30_000, 30_000), "a PNG image"),
        (b"GIF89a....", "a GIF image"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04", "a ZIP"),
        (b"\x00\x01\x02\xff" * 60, "something else"),
        (b"\xff\xd8", "something else"),
    ],
)
def test_what_is_no_jpeg_is_named(content, name):
    with pytest.raises(UnsupportedTypeError, match=f"expected a JPEG image, got {name}"):
        look(content)


def test_a_truncated_jpeg_is_refused():
    whole = jpeg(size=(800, 600))
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(RefusedError):
            look(whole[: int(len(whole) * share)])


KINDS = ({}, {"progressive": True}, {"restart_marker_rows": 2}, {"subsampling": 0})


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("rows", [601, 616, 1200, 9000])
def test_a_jpeg_whose_data_end_before_the_rows_that_its_header_claims_is_refused(options, rows):
    with pytest.raises(RefusedError, match=f"got one whose data end before its {rows:,} rows"):
        look(claiming(800, rows, jpeg(size=(800, 592), **options)))


def test_a_jpeg_that_was_cut_and_given_an_end_is_refused():
    whole = jpeg(size=(800, 600))
    for share in (0.6, 0.9):
        with pytest.raises(RefusedError, match="got one whose data end before its 600 rows"):
            look(whole[: int(len(whole) * share)].rstrip(b"\xff") + b"\xff\xd9")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_progressive_jpeg_that_ends_between_two_scans_is_refused(mode):
    out = io.BytesIO()
    PilImage.linear_gradient("L").convert(mode).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    begins = [match.start() for match in re.finditer(b"\xff\xda", whole)]
    assert len(begins) > 4
    for begin in begins[1:]:
        with pytest.raises(RefusedError, match="a progressive one that ends before its last scans"):
            look(whole[:begin] + b"\xff\xd9")
    assert look(whole) == (256, 256)


def test_scans_that_refine_what_was_never_sent_send_nothing():
    frame = b"\xff\xc2\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"

    def scan(first, last, before, low):
        return b"\xff\xda\x00\x08\x01\x01\x00" + bytes([first, last, before << 4 | low]) + b"data"

    def image(*scans):
        return b"\xff\xd8" + frame + b"".join(scan(*one) for one in scans) + b"\xff\xd9"

    assert not is_unfinished(image((0, 0, 0, 1), (1, 63, 0, 0), (0, 0, 1, 0)))
    assert is_unfinished(image((0, 0, 0, 1), (1, 63, 0, 0)))
    assert is_unfinished(image((0, 0, 0, 0), (1, 62, 0, 0)))
    assert is_unfinished(image((0, 0, 0, 0), (1, 63, 2, 1), (1, 63, 1, 0)))
    with pytest.raises(RefusedError, match="expected a scan header"):
        is_unfinished(b"\xff\xd8" + frame + b"\xff\xda\x00\x04\x01\x01data\xff\xd9")


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("colour", [(128, 128, 128), (127, 128, 129)])
def test_grey_that_the_image_has_itself_is_not_taken_for_missing_data(options, colour):
    out = io.BytesIO()
    framed = PilImage.new("RGB", (801, 603), colour)
    framed.paste((255, 255, 255), (40, 40, 700, 500))
    framed.save(out, "JPEG", **options)
    assert look(out.getvalue()) == (801, 603)


def test_a_whole_jpeg_of_four_inks_is_taken_and_a_short_one_refused():
    out = io.BytesIO()
    PilImage.new("CMYK", (801, 592), (0, 60, 90, 20)).save(out, "JPEG")
    assert look(out.getvalue()) == (801, 592)
    with pytest.raises(RefusedError, match="got one whose data end before its 900 rows"):
        look(claiming(801, 900, out.getvalue()))


def test_what_a_camera_hangs_on_behind_the_end_is_nobodys_fault():
    assert look(jpeg() + b"SEFT and a small video") == (64, 48)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_header_that_claims_a_giant_is_refused_before_anything_is_decoded(progressive):
    with pytest.raises(TooLargeError, match="expected at most 64,000,000 pixels, got 65,500 by 65,500"):
        look(claiming(65_500, 65_500, jpeg(progressive=progressive)))


def test_a_header_without_a_size_is_refused():
    for content in (claiming(0, 48), claiming(64, 0), jpeg()[:3], b"\xff\xd8\xff\xda", b"\xff\xd8" + b"\xff" * 5000):
        with pytest.raises(RefusedError, match="without its size in the header"):
            look(content)


def test_a_progressive_giant_is_refused_because_it_would_be_held_in_memory_whole():
    with pytest.raises(TooLargeError, match="expected at most 16,000,000 pixels of a progressive JPEG"):
        look(claiming(5000, 4000, jpeg(progressive=True)))


def test_a_jpeg_with_endless_scans_is_refused():
    whole = jpeg(progressive=True)
    scans = whole[:-2] + whole[whole.index(b"\xff\xda") : -2] * MOST_SCANS + whole[-2:]
    with pytest.raises(TooLargeError, match=f"expected at most {MOST_SCANS} scans"):
        look(scans)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_damaged_is_taken_or_refused_but_never_a_fault(data):
    content = bytearray(jpeg(size=(40, 30), progressive=data.draw(st.booleans()), exif=_exif(6)))
    for place in data.draw(st.lists(st.integers(2, len(content) - 1), min_size=1, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(3, len(content)))])
    for act in (look, lambda damaged: preview(damaged, 20)):
        try:
            act(cut)
        except RefusedError as error:
            assert str(error).startswith("expected")  # noqa: PT017 - either outcome is right


def _exif(orientation):
    exif = PilImage.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Camera maker"
    return exif.tobytes()


def corner(content):
    """Return which corner of an image is dark."""
    image = PilImage.open(io.BytesIO(content)).convert("L")
    width, height = image.size
    places = {"top left": (2, 2), "top right": (width - 3, 2), "bottom left": (2, height - 3)}
    places["bottom right"] = (width - 3, height - 3)
    return min(places, key=lambda name: image.getpixel(places[name]))


def marked(orientation, size=(400, 300)):
    """Return an image whose top left corner is dark, as a camera held in ``orientation`` stores it."""
    out = io.BytesIO()
    image = PilImage.new("L", size, 255)
    image.paste(0, (0, 0, size[0] // 4, size[1] // 4))
    image.save(out, "JPEG", exif=_exif(orientation))
    return out.getvalue()


@pytest.mark.parametrize(
    ("orientation", "place"),
    [
        (1, "top left"),
        (2, "top right"),
        (3, "bottom right"),
        (4, "bottom left"),
        (5, "top left"),
        (6, "top right"),
        (7, "bottom right"),
        (8, "bottom left"),
    ],
)
def test_a_preview_is_upright_by_its_exif_orientation(orientation, place):
    shown = preview(marked(orientation), 100)
    assert corner(shown) == place
    turned = orientation in (5, 6, 7, 8)
    assert PilImage.open(io.BytesIO(shown)).size == ((75, 100) if turned else (100, 75))


@pytest.mark.parametrize(("rotation", "place"), [(0, "top left"), (90, "top right"), (180, "bottom right")])
def test_a_preview_is_turned_clockwise_as_its_text_needs(rotation, place):
    assert corner(preview(marked(1), 100, rotation=rotation)) == place


def test_a_preview_carries_no_metadata():
    shown = PilImage.open(io.BytesIO(preview(marked(6), 100)))
    assert not shown.getexif()
    assert b"Camera maker" not in preview(marked(6), 100)


def test_a_small_image_is_not_blown_up():
    assert PilImage.open(io.BytesIO(preview(jpeg(size=(20, 10)), 100))).size == (20, 10)


def test_a_preview_of_what_is_no_image_is_refused():
    with pytest.raises(RefusedError, match="cannot be decoded"):
        preview(b"text", 100)
