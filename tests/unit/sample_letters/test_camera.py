"""Photographs of sample letters: repeatable, varied, and of the size and quality of a real camera."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from simulator.sample_letters import burst, photograph, render_page, sample_letters, sharp_frame
from simulator.sample_letters.scene import LEAST_TILT, MOST_TILT, QUALITY, draw_scene, sheet_corners

LETTER = sample_letters()[0]
PAGE = render_page(LETTER)
A4 = (210.0, 297.0)
SCENES = [draw_scene(seed) for seed in range(300)]


def test_the_same_seed_gives_the_same_photograph() -> None:
    assert photograph(PAGE, 7) == photograph(PAGE, 7)


def test_another_seed_gives_a_visibly_different_photograph() -> None:
    one, other = (_thumbnail(photograph(PAGE, seed)) for seed in (1, 3))
    assert np.abs(one - other).mean() > 8


def test_the_same_seed_gives_the_same_burst() -> None:
    assert burst(LETTER, 5) == burst(LETTER, 5)


def test_the_sharp_frame_of_a_burst_is_the_one_foretold() -> None:
    for seed in (2, 3):
        frames = burst(LETTER, seed, 4)
        sharpness = [_sharpness(frame) for frame in frames]
        best = sharp_frame(seed, 4)
        assert sharpness.index(max(sharpness)) == best
        assert all(max(sharpness) > 2 * value for place, value in enumerate(sharpness) if place != best)


def test_a_burst_of_one_frame_is_sharp() -> None:
    assert burst(LETTER, 6, 1) == [photograph(PAGE, 6)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_photograph_is_a_jpeg_of_its_scene(seed: int) -> None:
    image = _opened(photograph(PAGE, seed))
    assert image.size == (draw_scene(seed).width, draw_scene(seed).height)
    assert QUALITY[0] <= _quality(image) <= QUALITY[1]


def test_quarter_turns_turn_the_frame() -> None:
    upright, turned = (_opened(photograph(PAGE, 1, quarter_turns=turns)) for turns in (0, 1))
    assert turned.size == upright.size[::-1]


def test_frames_have_five_to_eight_megapixels_in_both_formats() -> None:
    assert all(5.0e6 <= scene.width * scene.height <= 8.0e6 for scene in SCENES)
    assert {scene.width > scene.height for scene in SCENES} == {True, False}


def test_the_camera_is_tilted_three_to_fifteen_degrees_in_all() -> None:
    tilts = [np.linalg.norm((scene.roll, scene.pitch, scene.yaw)) for scene in SCENES]
    assert min(tilts) >= LEAST_TILT
    assert max(tilts) <= MOST_TILT


def test_every_surface_is_used() -> None:
    assert {scene.surface for scene in SCENES} == {"wood", "metal", "dark"}


def test_the_whole_sheet_is_in_the_frame() -> None:
    for scene in SCENES:
        corners = sheet_corners(scene, A4)
        assert (corners > 0).all()
        assert (corners < (scene.width, scene.height)).all()


def _thumbnail(jpeg: bytes) -> np.ndarray:
    return np.asarray(_opened(jpeg).convert("L").resize((60, 80)), dtype=float)


def _sharpness(jpeg: bytes) -> float:
    half = _opened(jpeg).convert("L").reduce(2)
    return float(cv2.Laplacian(np.asarray(half), cv2.CV_64F).var())


def _quality(image: JpegImageFile) -> int:
    """Return the only quality of libjpeg whose quantization tables are those of ``image``."""
    (quality,) = (quality for quality in range(50, 100) if _tables(quality) == image.quantization)
    return quality


def _tables(quality: int) -> dict[int, list[int]]:
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
    return _opened(file.getvalue()).quantization


def _opened(jpeg: bytes) -> JpegImageFile:
    image = Image.open(BytesIO(jpeg))
    assert isinstance(image, JpegImageFile)
    return image
