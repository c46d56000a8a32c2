"""Light and shade of a photograph: lamp, shadows and folds, computed on a coarse grid and stretched."""

import cv2
import numpy as np

from simulator.sample_letters.scene import Points, Scene
from simulator.sample_letters.surfaces import Field, Pixels, clouds

COARSE = 16  # pixels between the points at which a slow field is computed
FOLDS = (1 / 3, 2 / 3)  # of the sheet's height: A4 in a DL envelope is folded twice (DIN 5008)
SHADOW_DETAIL = 8  # the sheet's own shadow is drawn this much smaller


def coarse_grid(scene: Scene) -> tuple[Field, Field]:
    """Return the frame's x and y, in pixels, at every coarse point; the last row and column lie beyond the frame."""
    down, across = np.mgrid[0 : scene.height + COARSE : COARSE, 0 : scene.width + COARSE : COARSE]
    return across.astype(np.float32), down.astype(np.float32)


def stretch(coarse: Field, scene: Scene) -> Field:
    """Return a coarse field at every pixel of the frame."""
    # Not resize: that aligns the centres of pixels, whereas here coarse point k lies on pixel k * COARSE
    step = np.array([[1 / COARSE, 0, 0], [0, 1 / COARSE, 0]], dtype=np.float32)
    size = (scene.width, scene.height)
    return np.asarray(cv2.warpAffine(coarse, step, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), np.float32)


def relief(across: Field, down: Field, scene: Scene) -> Field:
    """Return how a folded sheet catches the light at ``across`` and ``down`` (0 to 1 on the sheet); 1 beside it."""
    slope = np.full_like(down, 0.0)
    for sign, fold in zip((1, -1), FOLDS, strict=True):
        slope += sign * np.tanh((down - fold) * 18) * np.exp(-(((down - fold) * 5) ** 2))
    curl = np.cos(np.pi * across) * scene.bend[0] * 8
    on_sheet = (across > -0.01) & (across < 1.01) & (down > -0.01) & (down < 1.01)
    shade = 1 + 0.035 * slope * np.sin(scene.light_from) + curl
    return np.asarray(np.where(on_sheet, shade, 1), dtype=np.float32)


def lamp(scene: Scene, rng: np.random.Generator) -> Field:
    """Return the light on the coarse grid, about 1: falling off to one side, with a soft shadow and darker corners."""
    across, down = coarse_grid(scene)
    x, y = across / scene.width * 2 - 1, down / scene.height * 2 - 1
    towards = x * np.cos(scene.light_from) + y * np.sin(scene.light_from)
    edge_at, edge_turn = rng.uniform(-0.9, 0.1), scene.light_from + rng.uniform(-0.6, 0.6)
    edge = x * np.cos(edge_turn) + y * np.sin(edge_turn) - edge_at
    shadow = scene.shadow / (1 + np.exp(edge * rng.uniform(5, 12)))
    mottle = clouds((across.shape[1], across.shape[0]), (4, 4), rng) * 0.015
    light = 1 + towards * scene.falloff / 2 - shadow - 0.1 * (x**2 + y**2) / 2 + mottle
    return np.asarray(light / np.quantile(light, 0.9), dtype=np.float32)


def light_scene(pixels: Pixels, field: Field, scene: Scene) -> Pixels:
    """Return ``pixels`` under the light of a coarse ``field``, tinted by the lamp's warmth."""
    levels = np.clip(stretch(field, scene) * scene.exposure * 200, 0, 255).astype(np.uint8)
    # 200 is light 1: bright spots need room above it, and eight bits are fine enough beneath the noise
    tints = (1 - scene.warmth, 1.0, 1 + scene.warmth * 0.6)
    channels = [cv2.multiply(cv2.extractChannel(pixels, i), levels, scale=tint / 200) for i, tint in enumerate(tints)]
    return np.asarray(cv2.merge(channels), dtype=np.uint8)


def cast_shadow(ground: Pixels, corners: Points, scene: Scene) -> Pixels:
    """Return ``ground`` with the shadow of a sheet that lies at ``corners``."""
    size = (scene.width // SHADOW_DETAIL, scene.height // SHADOW_DETAIL)
    drop = np.array((-np.cos(scene.light_from), -np.sin(scene.light_from))) * scene.height * 0.006
    outline = np.round((corners + drop) / SHADOW_DETAIL).astype(np.int32)
    mask = np.full((size[1], size[0]), 255, dtype=np.uint8)
    cv2.fillConvexPoly(mask, outline, 90)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), scene.height / 1100), dtype=np.uint8)
    shade = cv2.resize(mask, (scene.width, scene.height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(ground, cv2.cvtColor(shade, cv2.COLOR_GRAY2BGR), scale=1 / 255), dtype=np.uint8)
