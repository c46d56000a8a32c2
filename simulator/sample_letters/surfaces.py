"""Paint what a letter lies on: boards, brushed metal or dark felt, from noise that is stretched and coloured."""

import cv2
import numpy as np
import numpy.typing as npt

from simulator.sample_letters.scene import Surface

Pixels = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]
Colour = tuple[float, float, float]  # blue, green, red: the order of OpenCV


def paint_surface(surface: Surface, size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Return a ground of ``size`` (width, height), blue-green-red."""
    paint = {"wood": _wood, "metal": _metal, "dark": _dark}[surface]
    # Painted at half size: the lens has no more detail there, and it costs a quarter
    small = paint(((size[0] + 1) // 2, (size[1] + 1) // 2), rng)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def clouds(size: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator) -> Field:
    """Return smooth noise around 0 with ``cells`` (across, down) humps."""
    grid = rng.standard_normal((cells[1], cells[0]), dtype=np.float32)
    return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _wood(size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    width, height = size
    board_height = height / rng.integers(3, 6)
    base: Colour = ((58, 92, 136), (40, 62, 92), (84, 122, 160))[rng.integers(3)]
    down = np.arange(height, dtype=np.float32)[:, None] / board_height
    board = np.floor(down).astype(int)
    tone = rng.normal(0, 0.07, board.max() + 1)[board].astype(np.float32)
    wander = clouds(size, (6, 9), rng) * 0.05
    rings = np.sin((down + wander) * rng.uniform(28, 46)) * 0.05
    fibre = clouds(size, (max(width // 90, 2), height), rng) * 0.05
    seam = np.exp(-(((down - np.round(down)) * board_height / 3) ** 2)) * (down > 0.5) * 0.55
    return _coloured(base, 1 + tone + rings + fibre + clouds(size, (4, 3), rng) * 0.04 - seam)


def _metal(size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    width, height = size
    brushed = clouds(size, (max(width // 200, 2), height), rng) * 0.035
    sheen = np.cos(np.linspace(-1.5, 1.5, width, dtype=np.float32) + rng.uniform(-0.8, 0.8))[None, :] * 0.18
    base: Colour = ((132, 126, 120), (112, 116, 110), (96, 100, 108))[rng.integers(3)]
    seam_at = rng.uniform(0.03, 0.12) * height
    distance = np.arange(height, dtype=np.float32)[:, None] - seam_at
    fold = np.where(np.abs(distance) < 3, -0.35, 0.12 * np.exp(-((distance - 8) ** 2) / 30))
    return _coloured(base, 0.85 + brushed + sheen + fold + clouds(size, (5, 5), rng) * 0.03)


def _dark(size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    base: Colour = ((44, 40, 38), (52, 42, 36), (36, 44, 40))[rng.integers(3)]
    felt = rng.standard_normal((size[1], size[0]), dtype=np.float32)
    felt = np.asarray(cv2.GaussianBlur(felt, (0, 0), 1.3), dtype=np.float32) * 0.35
    return _coloured(base, 1 + felt + clouds(size, (7, 6), rng) * 0.09)


def _coloured(base: Colour, brightness: npt.NDArray[np.floating]) -> Pixels:
    levels = cv2.convertScaleAbs(np.clip(brightness, 0, 2).astype(np.float32), alpha=100)
    tables = [np.clip(np.arange(256) * (channel / 100), 0, 255).astype(np.uint8) for channel in base]
    return np.asarray(cv2.merge([cv2.LUT(levels, table) for table in tables]), dtype=np.uint8)
