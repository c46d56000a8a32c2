"""Photograph a page as the camera in a mailbox does: tilted, shaded, a little soft, noisy, and packed as JPEG."""

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from simulator.sample_letters.hand import spoil
from simulator.sample_letters.letter import SampleLetter
from simulator.sample_letters.light import FOLDS, cast_shadow, coarse_grid, lamp, light_scene, relief, stretch
from simulator.sample_letters.page import render_page
from simulator.sample_letters.scene import Points, Scene, draw_scene, sheet_corners
from simulator.sample_letters.surfaces import Field, Pixels, clouds, paint_surface

NOISE_TILE = 1024  # pixels; drawn once and laid side by side, shifted anew for every frame


def photograph(page: Image.Image, seed: int, *, quarter_turns: int = 0) -> bytes:
    """Return a JPEG of ``page``, 5 to 8 megapixels, alike for the same seed; ``quarter_turns`` turn the camera."""
    scene = draw_scene(seed)
    return _expose(np.rot90(_take(page, scene, seed), quarter_turns), scene, (seed, 0))


def burst(letter: SampleLetter, seed: int, frames: int = 3) -> list[bytes]:
    """Return JPEGs of one scene: a hand blurs all ``frames`` but one, which is as sharp as a single photograph."""
    scene = draw_scene(seed)
    still = _take(render_page(letter), scene, seed)
    sharp = sharp_frame(seed, frames)
    shots = [still if frame == sharp else spoil(still, seed, frame) for frame in range(frames)]
    return [_expose(shot, scene, (seed, frame)) for frame, shot in enumerate(shots)]


def sharp_frame(seed: int, frames: int) -> int:
    """Return which frame of a burst is the sharp one; never the first of several, for then the hand is still there."""
    return 0 if frames == 1 else int(np.random.default_rng((seed, 4)).integers(1, frames))


def photograph_view(view: Pixels, seed: int) -> bytes:
    """Return a JPEG of what is painted in ``view`` (blue-green-red), under the lamp, lens and sensor of ``seed``."""
    height, width = view.shape[:2]
    scene = replace(draw_scene(seed), width=width, height=height)
    lit = light_scene(view, lamp(scene, np.random.default_rng((seed, 3))), scene)
    return _expose(_through_lens(lit, scene), scene, (seed, 0))


def _take(page: Image.Image, scene: Scene, seed: int) -> Pixels:
    corners = sheet_corners(scene, (page.width, page.height))
    ground = paint_surface(scene.surface, (scene.width, scene.height), np.random.default_rng((seed, 1)))
    ground = cast_shadow(ground, corners, scene)
    sheet = _at_scale(_paper(page, np.random.default_rng((seed, 2))), corners)
    across, down = _sheet_map(scene, corners, sheet)
    cv2.remap(
        sheet, stretch(across, scene), stretch(down, scene), cv2.INTER_LINEAR,
        dst=ground, borderMode=cv2.BORDER_TRANSPARENT,
    )  # fmt: skip
    light = lamp(scene, np.random.default_rng((seed, 3)))
    light *= relief(across / sheet.shape[1], down / sheet.shape[0], scene)
    return _through_lens(light_scene(ground, light, scene), scene)


def _paper(page: Image.Image, rng: np.random.Generator) -> Pixels:
    sheet = cv2.cvtColor(np.asarray(page.convert("RGB")), cv2.COLOR_RGB2BGR)
    height, width = sheet.shape[:2]
    shade = 0.955 + clouds((width, height), (40, 56), rng) * 0.004
    for fold in FOLDS:
        crease = round((fold + rng.normal(0, 0.004)) * height)
        shade[crease - 1 : crease + 2] *= 0.95
        shade[crease + 2 : crease + 4] *= 1.02
    levels = np.clip(shade * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.multiply(sheet, cv2.cvtColor(levels, cv2.COLOR_GRAY2BGR), scale=1 / 255), dtype=np.uint8)


def _at_scale(sheet: Pixels, corners: Points) -> Pixels:
    scale = float(np.linalg.norm(corners[3] - corners[0])) / sheet.shape[0]
    if scale >= 1:
        return sheet
    # Shrunk beforehand: the remap looks at four pixels only, and would leave ragged letters
    return np.asarray(cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _sheet_map(scene: Scene, corners: Points, sheet: Pixels) -> tuple[Field, Field]:
    height, width = sheet.shape[:2]
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    homography = cv2.getPerspectiveTransform(corners.astype(np.float32), flat)
    across, down = coarse_grid(scene)
    x, y, depth = np.tensordot(homography, np.stack([across, down, np.ones_like(down)]), axes=1)
    x, y = x / depth, y / depth
    curl = np.sin(np.pi * x / width) * scene.bend[0] * height
    wave = np.sin(2 * np.pi * y / height + scene.light_from) * scene.bend[1] * width
    return (x + wave).astype(np.float32), (y + curl).astype(np.float32)


def _through_lens(pixels: Pixels, scene: Scene) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), scene.softness), dtype=np.uint8)


def _expose(pixels: Pixels, scene: Scene, seed: tuple[int, int]) -> bytes:
    rng = np.random.default_rng((*seed, 6))
    height, width = pixels.shape[:2]
    tile = rng.standard_normal((NOISE_TILE, NOISE_TILE, 3), dtype=np.float32) * scene.noise
    repeats = (-(-height // NOISE_TILE), -(-width // NOISE_TILE), 1)
    noise = np.tile(np.rint(tile).astype(np.int16), repeats)[:height, :width]
    noisy = cv2.add(np.ascontiguousarray(pixels), noise, dtype=cv2.CV_8U)
    return cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, scene.quality])[1].tobytes()
