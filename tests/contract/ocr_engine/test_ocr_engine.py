"""What every OCR engine promises, over the adapters that need no account."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw, ImageFont

from cloud.adapters.local.ocr_engine import RapidOcrEngine
from cloud.errors import RefusedError
from cloud.ports.ocr_engine import OcrEngine

pytestmark = pytest.mark.slow

WORDS = ("Northwind Energy Ltd", "Your electricity bill", "Please pay by 30 November 2026.")
SIZE = (1240, 1754)  # A4 at 150 dots per inch


def page(*rows: str, turned: int = 0) -> bytes:
    """Return a printed page as PNG, turned anticlockwise by so many degrees."""
    sheet = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        pen.text((120, 160 + number * 90), row, fill="black", font=ImageFont.load_default(size=34))
    return encoded(sheet.rotate(turned, expand=True))


def encoded(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module", params=[RapidOcrEngine])
def engine(request) -> Iterator[OcrEngine]:
    made = request.param()
    yield made
    made.close()


def test_every_printed_line_is_read_in_order(engine):
    assert [line.text for line in engine.read(page(*WORDS)).lines] == list(WORDS)


def test_a_line_has_a_confidence_and_four_corners_on_the_page(engine):
    read = engine.read(page(*WORDS))
    assert (read.width, read.height) == SIZE
    for line in read.lines:
        assert 0.5 <= line.confidence <= 1.0
        assert len(line.polygon) == 4
        assert all(0 <= x <= read.width and 0 <= y <= read.height for x, y in line.polygon)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_turned_page_is_set_upright(engine, turned):
    read = engine.read(page(*WORDS, turned=turned))
    assert read.rotation == turned
    assert (read.width, read.height) == SIZE
    assert [line.text for line in read.lines] == list(WORDS)


def test_a_page_that_lies_right_is_not_turned(engine):
    assert engine.read(page(*WORDS)).rotation == 0


def test_a_blank_page_is_a_page_without_lines(engine):
    assert engine.read(page()).lines == ()


@pytest.mark.parametrize("image", [b"", b"not an image", page(*WORDS)[:2000]], ids=["nothing", "text", "half"])
def test_what_nobody_can_read_is_refused(engine, image):
    with pytest.raises(RefusedError, match="expected"):
        engine.read(image)


def test_an_image_of_one_pixel_is_a_page_without_lines(engine):
    assert engine.read(encoded(Image.new("RGB", (1, 1), "white"))).lines == ()


def test_a_long_strip_is_read(engine):
    strip = Image.new("RGB", (4000, 60), "white")
    ImageDraw.Draw(strip).text((20, 8), "one line of text", fill="black", font=ImageFont.load_default(size=36))
    assert [line.text for line in engine.read(encoded(strip)).lines] == ["one line of text"]


def test_the_engine_says_who_it_is_and_how_long_it_took(engine):
    read = engine.read(page(*WORDS))
    assert read.engine
    assert read.version
    assert read.elapsed_ms > 0


def test_a_closed_engine_starts_again(engine):
    engine.close()
    assert len(engine.read(page(*WORDS)).lines) == len(WORDS)


def test_an_engine_told_in_advance_reads_as_any_other(engine):
    engine.close()
    engine.prepare()
    engine.prepare()
    assert len(engine.read(page(*WORDS)).lines) == len(WORDS)


def test_an_engine_told_in_advance_can_be_closed_without_a_page(engine):
    engine.close()
    engine.prepare()
    engine.close()
    assert len(engine.read(page(*WORDS)).lines) == len(WORDS)
