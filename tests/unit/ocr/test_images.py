import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cloud.adapters.local import ocr_engine_image as images
from cloud.errors import RefusedError, TooLargeError, UnsupportedTypeError


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def quad(*corners):
    return np.array(corners, dtype=np.float32)


def test_pixels_come_as_blue_green_red():
    assert images.decode(encoded(Image.new("RGB", (4, 3), (255, 0, 0))))[0, 0].tolist() == [0, 0, 255]


def test_the_camera_says_which_way_is_up():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    photograph = encoded(Image.new("RGB", (40, 20), "white"), "JPEG", exif=exif)
    assert images.decode(photograph).shape[:2] == (40, 20)


def test_what_is_transparent_is_paper():
    assert images.decode(encoded(Image.new("RGBA", (2, 2), (0, 0, 0, 0))))[0, 0].tolist() == [255, 255, 255]


def test_grey_and_palette_images_are_read():
    for mode in ("L", "1", "P", "CMYK"):
        kind = "JPEG" if mode == "CMYK" else "PNG"
        assert images.decode(encoded(Image.new(mode, (5, 4)), kind)).shape == (4, 5, 3)


def test_a_very_large_photograph_is_shrunk_to_what_helps():
    assert max(images.decode(encoded(Image.new("RGB", (6000, 300), "white"))).shape[:2]) == images.LONGEST_SIDE


def test_what_is_no_image_is_refused():
    with pytest.raises(UnsupportedTypeError, match="expected a photograph"):
        images.decode(b"%PDF-1.7 not an image")


def test_half_an_image_is_refused():
    whole = encoded(Image.effect_noise((300, 300), 50).convert("RGB"), "JPEG")
    with pytest.raises(RefusedError, match="damaged"):
        images.decode(whole[: len(whole) // 2])


def test_a_decompression_bomb_is_refused_before_it_is_opened():
    bomb = encoded(Image.new("1", (20_000, 20_000)))
    assert len(bomb) < 100_000
    with pytest.raises(TooLargeError, match="at most 80 megapixels"):
        images.decode(bomb)


def test_more_pixels_than_any_camera_has_are_refused():
    with pytest.raises(TooLargeError, match="9001 x 9000"):
        images.decode(encoded(Image.new("1", (9001, 9000))))


def test_corners_turn_with_the_image():
    pixels = np.zeros((40, 100, 3), dtype=np.uint8)
    pixels[5:9, 20:60] = 255
    corners = np.array([[[20, 5], [60, 5], [60, 9], [20, 9]]], dtype=np.float32)
    for turns in range(4):
        turned = images.turned(pixels, turns)
        (moved,) = images.turned_quads(corners, turns, 100, 40)
        across, down = moved[:, 0].astype(int), moved[:, 1].astype(int)
        assert turned[down.min() : down.max(), across.min() : across.max()].min() == 255
        assert turned.sum() == pixels.sum()


def test_small_images_are_enlarged_at_most_twice():
    assert images.scaled(np.zeros((10, 20, 3), dtype=np.uint8), 1280)[1] == 2.0


def test_an_image_of_the_right_size_stays_as_it_is():
    pixels = np.zeros((960, 1280, 3), dtype=np.uint8)
    assert images.scaled(pixels, 1280)[0] is pixels


def test_a_photograph_is_shrunk_and_a_strip_of_its_width_is_not():
    photograph, strip = np.zeros((2448, 3264, 3), dtype=np.uint8), np.zeros((60, 3264, 3), dtype=np.uint8)
    assert images.scaled(photograph, 1280)[0].shape == (960, 1280, 3)
    assert images.scaled(strip, 1280)[1] > 1


def test_no_lines_stay_no_lines_when_they_are_moved():
    assert images.moved(np.empty((0, 4, 2), dtype=np.float32), np.eye(3)).shape == (0, 4, 2)


def test_a_line_is_cut_out_level():
    line = images.cut_out(np.zeros((100, 200, 3), dtype=np.uint8), quad((10, 20), (110, 40), (106, 60), (6, 40)))
    assert line.shape[1] > 4 * line.shape[0]


@pytest.mark.parametrize(
    ("corners", "direction"),
    [
        (((0, 0), (100, 0), (100, 10), (0, 10)), (100, 0)),
        (((0, 0), (10, 0), (10, 100), (0, 100)), (0, 100)),
        (((0, 0), (20, 100), (10, 102), (-10, 2)), (20, 100)),
    ],
)
def test_the_direction_of_a_line_is_that_of_its_longer_side(corners, direction):
    assert images.direction(quad(*corners)) == direction


def test_a_line_down_the_side_of_a_page_is_cut_out_lying():
    line = images.cut_out(np.zeros((200, 50, 3), dtype=np.uint8), quad((0, 0), (10, 0), (10, 100), (0, 100)))
    assert line.shape == (10, 100, 3)


def test_a_sheet_on_a_dark_table_is_found_and_flattened():
    photograph = Image.new("RGB", (800, 1000), (40, 50, 60))
    sheet = [(120, 100), (700, 140), (680, 900), (90, 860)]
    ImageDraw.Draw(photograph).polygon(sheet, fill=(240, 240, 235))
    pixels = np.asarray(photograph)[:, :, ::-1].copy()
    outline = images.sheet_outline(pixels)
    assert outline is not None
    assert np.abs(outline - quad(*sheet)).max() < 12
    flat, back = images.flattened(pixels, outline)
    corners = np.array(
        [[[0, 0], [flat.shape[1], 0], [flat.shape[1], flat.shape[0]], [0, flat.shape[0]]]], dtype=np.float32
    )
    assert np.abs(images.moved(corners, back)[0] - outline).max() < 2


def test_the_region_of_a_page_holds_its_lines_with_room_around_them():
    line = np.array([[[100, 100], [500, 100], [500, 120], [100, 120]]], dtype=np.float32)
    grey = np.full((600, 800, 3), 128, dtype=np.uint8)
    assert images.region_of(line, grey) == (52, 97, 548, 123)


def test_without_lines_and_sheet_the_region_is_the_whole_image():
    grey = np.full((600, 800, 3), 128, dtype=np.uint8)
    assert images.region_of(np.empty((0, 4, 2), dtype=np.float32), grey) == (0, 0, 800, 600)


def test_a_scan_without_a_border_has_no_outline():
    assert images.sheet_outline(np.full((1000, 700, 3), 250, dtype=np.uint8)) is None
