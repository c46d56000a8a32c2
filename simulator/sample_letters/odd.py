"""Photographs in which no letter can be read: an empty sheet, and a scene without any paper."""

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from simulator.sample_letters.camera import photograph, photograph_view
from simulator.sample_letters.letter import A4
from simulator.sample_letters.scene import draw_scene
from simulator.sample_letters.surfaces import Colour, Pixels, paint_surface
from simulator.sample_letters.typesetting import PER_MM

Distances = npt.NDArray[np.float64]

FRUIT: tuple[Colour, ...] = ((38, 48, 170), (50, 160, 205), (62, 148, 104), (36, 108, 208))
BOWL: Colour = (165, 150, 128)


def blank_page(seed: int) -> bytes:
    """Return a photograph (JPEG) of a sheet that nothing is printed on."""
    return photograph(Image.new("RGB", (round(A4[0] * PER_MM), round(A4[1] * PER_MM)), "#fdfdfb"), seed)


def no_letter(seed: int) -> bytes:
    """Return a photograph (JPEG) of a bowl and fruit on a table: nothing made of paper, not a word."""
    scene = draw_scene(seed)
    rng = np.random.default_rng((seed, 7))
    width, height = (
        scene.width // 2,
        scene.height // 2,
    )  # half the size is a quarter of the work, and fruit has no print
    unit = min(width, height)
    view = paint_surface(scene.surface, (width, height), rng)
    _put_bowl(view, (width * rng.uniform(0.35, 0.65), height * rng.uniform(0.4, 0.6)), unit * 0.32)
    for _ in range(rng.integers(5, 9)):
        middle = (width * rng.uniform(0.15, 0.85), height * rng.uniform(0.15, 0.85))
        _put_ball(view, middle, unit * rng.uniform(0.07, 0.11), FRUIT[rng.integers(len(FRUIT))])
    large = cv2.resize(view, (scene.width, scene.height), interpolation=cv2.INTER_LINEAR)
    return photograph_view(np.asarray(large, dtype=np.uint8), seed)


def _put_ball(view: Pixels, middle: tuple[float, float], radius: float, skin: Colour) -> None:
    part, x, y = _around(view, middle, radius * 1.5)
    shadow = np.clip(1.3 - np.hypot(x - radius * 0.2, y - radius * 0.25) / radius, 0, 0.3) * 2.4
    # Lambert's law on a sphere, lit from the upper left, with a gleam where it mirrors the lamp
    height = np.sqrt(np.clip(1 - (x**2 + y**2) / radius**2, 0, 1))
    facing = np.clip((-0.45 * x - 0.5 * y) / radius + 0.74 * height, 0, 1)
    colour = np.multiply.outer(0.25 + 0.85 * facing, skin) + 90 * (facing**24)[..., None]
    cover = np.clip(radius - np.hypot(x, y) + 0.5, 0, 1)[..., None]
    lit = part * (1 - shadow[..., None]) * (1 - cover) + colour * cover
    np.copyto(part, np.clip(lit, 0, 255).astype(np.uint8))


def _put_bowl(view: Pixels, middle: tuple[float, float], radius: float) -> None:
    part, x, y = _around(view, middle, radius * 1.3)
    away = np.hypot(x, y) / radius
    shadow = np.clip(1.2 - np.hypot(x - radius * 0.1, y - radius * 0.12) / radius, 0, 0.2) * 3
    # The far side of a hollow faces the lamp, so it is bright where a ball is dark; the rim is a bright ring
    inside = 0.5 + 0.3 * (x + y) / radius * away + 0.25 * away**2
    glaze = np.where(np.abs(away - 0.96) < 0.04, 1.25, inside)
    cover = np.clip((1 - away) * radius + 0.5, 0, 1)[..., None]
    lit = part * (1 - shadow[..., None]) * (1 - cover) + np.multiply.outer(glaze, BOWL) * cover
    np.copyto(part, np.clip(lit, 0, 255).astype(np.uint8))


def _around(view: Pixels, middle: tuple[float, float], reach: float) -> tuple[Pixels, Distances, Distances]:
    left, top = max(round(middle[0] - reach), 0), max(round(middle[1] - reach), 0)
    part = view[top : round(middle[1] + reach), left : round(middle[0] + reach)]
    down, across = np.mgrid[0 : part.shape[0], 0 : part.shape[1]]
    return part, across + left - middle[0], down + top - middle[1]
