"""Photographs in which no letter can be read: an empty sheet, and a scene without any paper."""

import cv2
import numpy as np
from PIL import Image

from simulator.sample_letters.camera import photograph, take_picture
from simulator.sample_letters.letter import A4
from simulator.sample_letters.scene import draw_scene
from simulator.sample_letters.surfaces import Pixels, paint_surface
from simulator.sample_letters.typesetting import PER_MM

SKINS_OF_FRUIT = ((48, 66, 198), (60, 168, 214), (70, 160, 118), (40, 120, 226))  # blue, green, red
BOWL = (150, 128, 104)


def blank_page(seed: int) -> bytes:
    """Return a photograph (JPEG) of a sheet that nothing is printed on."""
    return photograph(Image.new("RGB", (round(A4[0] * PER_MM), round(A4[1] * PER_MM)), "#fdfdfb"), seed)


def no_letter(seed: int) -> bytes:
    """Return a photograph (JPEG) of fruit and a bowl on a table: nothing made of paper, not a word."""
    scene = draw_scene(seed)
    rng = np.random.default_rng((seed, 7))
    view = paint_surface(scene.surface, (scene.width, scene.height), rng)
    unit = min(scene.width, scene.height)
    _ball(view, (scene.width * rng.uniform(0.35, 0.65), scene.height * rng.uniform(0.4, 0.6)), unit * 0.3, BOWL)
    for _ in range(rng.integers(4, 8)):
        middle = (scene.width * rng.uniform(0.15, 0.85), scene.height * rng.uniform(0.15, 0.85))
        skin = SKINS_OF_FRUIT[rng.integers(len(SKINS_OF_FRUIT))]
        _ball(view, middle, unit * rng.uniform(0.07, 0.12), skin)
    return take_picture(view, seed)


def _ball(view: Pixels, middle: tuple[float, float], radius: float, skin: tuple[int, int, int]) -> None:
    place = (round(middle[0]), round(middle[1]))
    _soft_disc(view, (place[0] + round(radius * 0.18), place[1] + round(radius * 0.22)), radius * 1.06, (14, 16, 18))
    for step in range(12):
        # Ever smaller, brighter discs towards the lamp make a disc look round
        towards = round(radius * 0.03 * step)
        colour = tuple(min(255, round(channel * (0.55 + 0.055 * step))) for channel in skin)
        cv2.circle(view, (place[0] - towards, place[1] - towards), round(radius * (1 - 0.075 * step)), colour, -1)
    _smooth(view, place, radius)


def _soft_disc(view: Pixels, place: tuple[int, int], radius: float, colour: tuple[int, int, int]) -> None:
    cv2.circle(view, place, round(radius), colour, -1, cv2.LINE_AA)
    _smooth(view, place, radius)


def _smooth(view: Pixels, place: tuple[int, int], radius: float) -> None:
    reach = round(radius * 1.2)
    left, top = max(place[0] - reach, 0), max(place[1] - reach, 0)
    part = view[top : place[1] + reach, left : place[0] + reach]
    np.copyto(part, np.asarray(cv2.GaussianBlur(part, (0, 0), max(radius / 22, 1)), dtype=np.uint8))
