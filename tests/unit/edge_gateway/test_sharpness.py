"""The sharpest and best exposed frame wins."""

import pytest
from PIL import Image, ImageChops, ImageFilter

from edge_gateway.sharpness import Scores, score
from tests.unit.edge_gateway.fakes import letter


def grey(blur: float = 0) -> Image.Image:
    return letter(blur, (400, 300)).convert("L")


def test_the_more_blurred_the_less_sharp() -> None:
    worths = [score(grey(blur)).worth() for blur in (0, 0.5, 1, 2, 4, 8)]
    assert worths == sorted(worths, reverse=True)
    assert worths[0] > 10 * worths[3]


def test_movement_in_one_direction_costs_sharpness() -> None:
    downwards = [1 if place % 5 == 2 else 0 for place in range(25)]
    moved = grey().filter(ImageFilter.Kernel((5, 5), downwards))
    assert score(moved).worth() < score(grey()).worth() / 2


def test_the_variance_is_that_of_the_laplacian() -> None:
    image = Image.new("L", (5, 5), 100)
    image.putpixel((2, 2), 110)
    # Of the 3 x 3 inner pixels one sees -40, four see +10, four see 0: mean 0, variance (1600 + 4 * 100) / 9. Steps of
    # 4 grey levels round 10 to 12, and Pillow rounds halves up.
    assert score(image).sharpness == pytest.approx(2000 / 9, rel=0.15)


def test_a_plain_page_has_no_sharpness() -> None:
    assert score(Image.new("L", (64, 48), 200)) == Scores(0.0, 0.0, 0.0)


def test_what_is_clipped_is_counted() -> None:
    image = Image.new("L", (100, 100), 128)
    image.paste(0, (0, 0, 100, 10))
    image.paste(255, (0, 10, 100, 40))
    assert (score(image).dark, score(image).bright) == (0.1, 0.3)


def test_an_overexposed_frame_loses_to_the_same_frame_well_exposed() -> None:
    good = grey(1)
    glaring = good.point(lambda level: min(255, level * 2))
    assert score(glaring).bright > 0.5
    assert score(glaring).worth() < score(good).worth()


def test_a_dark_frame_loses_to_the_same_frame_well_exposed() -> None:
    dark = grey(1).point(lambda level: level // 6)
    assert score(dark).worth() < score(grey(1)).worth()


def test_a_little_noise_does_not_make_a_blurred_frame_sharp() -> None:
    noisy = ImageChops.add(grey(4), Image.effect_noise((400, 300), 8), offset=-128)
    assert score(noisy).worth() < score(grey()).worth()


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (3, 3)])
def test_tiny_images_have_a_score_too(size) -> None:
    assert score(Image.new("L", size, 90)).sharpness == 0.0
