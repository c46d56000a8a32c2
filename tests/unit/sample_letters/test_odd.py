"""Photographs without a letter to read: repeatable, real JPEGs, and without any line of text."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from simulator.sample_letters import photograph, render_page, sample_letters
from simulator.sample_letters.odd import blank_page, no_letter

each_kind = pytest.mark.parametrize("make_image", [blank_page, no_letter])


@each_kind
def test_the_same_seed_gives_the_same_image_and_another_gives_another(make_image: Callable[[int], bytes]) -> None:
    assert make_image(1) == make_image(1)
    assert make_image(1) != make_image(2)


@each_kind
def test_the_image_is_a_jpeg_of_five_to_eight_megapixels(make_image: Callable[[int], bytes]) -> None:
    image = Image.open(BytesIO(make_image(3)))
    assert image.format == "JPEG"
    assert 5.0e6 <= image.width * image.height <= 8.0e6


def test_a_blank_page_has_none_of_the_ink_of_a_letter() -> None:
    letter = photograph(render_page(sample_letters()[0]), 2)
    assert _fine_detail(blank_page(2)) < _fine_detail(letter) / 10


def test_a_scene_without_a_letter_is_colourful_as_paper_is_not() -> None:
    assert _colour(no_letter(2)) > 1.5 * _colour(blank_page(2))


def _fine_detail(jpeg: bytes) -> float:
    gray = np.asarray(Image.open(BytesIO(jpeg)).convert("L").reduce(2), dtype=float)
    middle = gray[gray.shape[0] // 4 : -gray.shape[0] // 4, gray.shape[1] // 5 : gray.shape[1] // 2]
    return float(np.abs(np.diff(middle, axis=1)).clip(6).mean() - 6)


def _colour(jpeg: bytes) -> float:
    return float(np.asarray(Image.open(BytesIO(jpeg)).convert("HSV").reduce(16))[..., 1].mean())
