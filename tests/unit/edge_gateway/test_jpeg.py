"""Frames become JPEGs within the limits of the wire; what is no image is refused."""

import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from edge_gateway.errors import FrameRefusedError
from edge_gateway.jpeg import MAX_FILE_BYTES, MAX_PIXELS, SENT_PIXELS, read_for_wire, read_grey
from firmware.wire.messages import MAX_IMAGE_BYTES
from tests.unit.edge_gateway.fakes import letter

ORIENTATION = 0x0112


def saved(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


def decoded(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    return image


def is_like(one: Image.Image, other: Image.Image) -> bool:
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return one.size == other.size and sum(difference.convert("L").histogram()[40:]) < one.width * one.height / 100


def marked() -> Image.Image:
    """Return an image that looks different from every side."""
    image = Image.new("RGB", (64, 32), "white")
    image.paste("red", (0, 0, 32, 16))
    image.paste("blue", (32, 16, 64, 32))
    return image


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_an_upright_jpeg_is_sent_as_it_is(tmp_path) -> None:
    path = saved(letter(), tmp_path / "1.jpg", quality=88)
    assert read_for_wire(path).jpeg == path.read_bytes()
    assert (read_for_wire(path).width, read_for_wire(path).height) == (160, 120)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["1.jpg", "1.png"])
def test_a_turned_frame_is_sent_upright(tmp_path, name, orientation) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    seen = marked().transpose(turns[orientation]) if orientation in turns else marked()
    sent = read_for_wire(saved(seen, tmp_path / name, exif=exif))
    assert is_like(decoded(sent.jpeg), marked())
    assert (sent.width, sent.height) == (64, 32)
    assert b"Exif" not in sent.jpeg


def test_where_and_when_stay_behind_in_a_turned_frame_too(tmp_path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010E] = 3, "Hauptstrasse 1"
    path = saved(letter(), tmp_path / "1.jpg", exif=exif, comment="Hauptstrasse 1")
    assert b"Hauptstrasse" in path.read_bytes()
    assert b"Hauptstrasse" not in read_for_wire(path).jpeg


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_orientation_that_does_not_exist_is_upright(tmp_path, value) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    assert is_like(decoded(read_for_wire(saved(marked(), tmp_path / "1.jpg", exif=exif)).jpeg), marked())


def test_damaged_metadata_do_not_cost_the_image(tmp_path) -> None:
    path = saved(letter(), tmp_path / "1.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decoded(read_for_wire(path).jpeg).size == (160, 120)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_coloured_png_becomes_a_jpeg(tmp_path, mode) -> None:
    sent = read_for_wire(saved(marked().convert(mode), tmp_path / "1.png"))
    assert decoded(sent.jpeg).format == "JPEG"
    assert is_like(decoded(sent.jpeg), marked())


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_png_becomes_a_jpeg(tmp_path, mode) -> None:
    sent = read_for_wire(saved(marked().convert(mode), tmp_path / "1.png"))
    assert is_like(decoded(sent.jpeg), marked().convert("L"))


def test_a_png_of_16_bits_keeps_its_greys(tmp_path) -> None:
    deep = marked().convert("L").convert("I").point(lambda level: level * 257).convert("I;16")
    sent = read_for_wire(saved(deep, tmp_path / "1.png"))
    assert is_like(decoded(sent.jpeg), marked().convert("L"))


def test_a_png_of_one_bit_becomes_a_jpeg(tmp_path) -> None:
    checked = marked().convert("1", dither=Image.Dither.NONE)
    sent = read_for_wire(saved(checked, tmp_path / "1.png"))
    assert is_like(decoded(sent.jpeg), checked)


def test_what_is_transparent_is_white(tmp_path) -> None:
    sent = read_for_wire(saved(Image.new("RGBA", (40, 30), (0, 0, 0, 0)), tmp_path / "1.png"))
    assert decoded(sent.jpeg).getpixel((5, 5)) == (255, 255, 255)


def test_printers_colours_become_screen_colours(tmp_path) -> None:
    sent = read_for_wire(saved(marked().convert("CMYK"), tmp_path / "1.jpg"))
    assert decoded(sent.jpeg).mode == "RGB"
    assert is_like(decoded(sent.jpeg), marked())


@pytest.mark.parametrize(("size", "name"), [((6000, 4000), "1.jpg"), ((4000, 6000), "1.jpg"), ((5000, 4000), "1.png")])
def test_a_large_frame_is_scaled_down_to_what_is_read(tmp_path, size, name) -> None:
    sent = read_for_wire(saved(Image.new("RGB", size, "white"), tmp_path / name))
    assert SENT_PIXELS * 0.99 < sent.width * sent.height <= SENT_PIXELS
    assert sent.width / sent.height == pytest.approx(size[0] / size[1], rel=0.01)
    assert decoded(sent.jpeg).size == (sent.width, sent.height)


def test_a_long_strip_stays_within_what_a_jpeg_can_be(tmp_path) -> None:
    sent = read_for_wire(saved(Image.new("L", (70_000, 10), 200), tmp_path / "1.png"))
    assert sent.width <= 65_500
    assert decoded(sent.jpeg).size == (sent.width, sent.height)


def test_a_heavy_frame_is_made_lighter(tmp_path) -> None:
    noise = Image.merge("RGB", [Image.effect_noise((4000, 3000), 120) for _ in range(3)])
    path = saved(noise, tmp_path / "1.jpg", quality=100, subsampling=0)
    assert path.stat().st_size > MAX_IMAGE_BYTES
    assert len(read_for_wire(path).jpeg) <= MAX_IMAGE_BYTES


@pytest.mark.parametrize("size", [(1, 1), (8, 1), (1, 3000)])
def test_a_tiny_image_is_an_image(tmp_path, size) -> None:
    assert decoded(read_for_wire(saved(Image.new("RGB", size), tmp_path / "1.jpg")).jpeg).size == size
    read_grey(tmp_path / "1.jpg")


@pytest.mark.parametrize(
    ("size", "scored"), [((3000, 2000), (1200, 900)), ((2000, 3000), (900, 1200)), ((10, 10), (1200, 900))]
)
@pytest.mark.parametrize("name", ["1.jpg", "1.png"])
def test_frames_are_scored_at_one_size(tmp_path, name, size, scored) -> None:
    found = read_grey(saved(Image.new("RGB", size, "white"), tmp_path / name))
    assert (found.size, found.mode) == (scored, "L")


def test_text_named_like_an_image_is_refused(tmp_path) -> None:
    (tmp_path / "1.jpg").write_text("Dear neighbour")
    with pytest.raises(FrameRefusedError, match=r"expected a complete JPEG or PNG, got something else in 1\.jpg"):
        read_grey(tmp_path / "1.jpg")


def test_the_reason_does_not_tell_where_the_spool_is(tmp_path) -> None:
    (tmp_path / "1.jpg").write_text("Dear neighbour")
    with pytest.raises(FrameRefusedError) as refused:
        read_grey(tmp_path / "1.jpg")
    assert str(tmp_path) not in str(refused.value)
    assert "1.jpg" in str(refused.value)


def test_a_name_that_is_no_text_does_not_spoil_the_reason(tmp_path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg"))
    path.write_text("Dear neighbour")
    with pytest.raises(FrameRefusedError) as refused:
        read_grey(path)
    assert str(refused.value).encode("utf-8")


@pytest.mark.parametrize("name", ["1.jpg", "1.png"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.99])
def test_a_truncated_frame_is_refused(tmp_path, name, share) -> None:
    path = saved(letter(size=(800, 600)), tmp_path / name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(FrameRefusedError):
        read_grey(path)


@pytest.mark.parametrize("other", ["GIF", "TIFF", "BMP", "WEBP"])
def test_another_format_under_a_wrong_name_is_refused(tmp_path, other) -> None:
    with pytest.raises(FrameRefusedError):
        read_grey(saved(letter(), tmp_path / "1.jpg", format=other))


@pytest.mark.parametrize(("width", "height"), [(8000, 7501), (20_000, 10_000), (60_000, 60_000), (2_000_000_000, 2)])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, width, height) -> None:
    assert width * height > MAX_PIXELS
    (tmp_path / "1.png").write_bytes(png_header(width, height))
    with pytest.raises(FrameRefusedError, match=r"at most 60000000 pixels|DecompressionBomb"):
        read_grey(tmp_path / "1.png")


def test_a_file_that_is_too_big_is_refused_unread(tmp_path) -> None:
    with (tmp_path / "1.jpg").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(FrameRefusedError, match="at most 134217728 bytes"):
        read_grey(tmp_path / "1.jpg")


def test_a_missing_file_and_a_folder_are_refused(tmp_path) -> None:
    (tmp_path / "2.jpg").mkdir()
    for name in ("1.jpg", "2.jpg"):
        with pytest.raises(FrameRefusedError):
            read_grey(tmp_path / name)


def test_a_phone_s_image_with_a_second_one_behind_it_is_sent_alone(tmp_path) -> None:
    path = tmp_path / "1.jpg"
    marked().save(path, "MPO", save_all=True, append_images=[letter(size=(64, 32))])
    sent = read_for_wire(path)
    assert len(sent.jpeg) < path.stat().st_size
    assert is_like(decoded(sent.jpeg), marked())
