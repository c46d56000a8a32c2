"""Photographs the foreign letters: their pages from a browser, folded, curled, lit and hand-held, as JPEG files."""

import base64
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
# An A4 page in CSS pixels (96 to the inch), and how many pixels of the rendering each becomes.
PAGE = (794, 1123)
SCALE = 2.75
# The photograph, 8 megapixels upright, as most telephones of the last ten years can make it.
WIDTH, HEIGHT = 2448, 3264
JPEG_QUALITY = 70
# Where a letter for a long envelope is folded, from top to bottom.
FOLDS = (1 / 3, 2 / 3)
# The map from photograph to page is smooth but for the folds: one value for so many pixels, the rest interpolated.
COARSE = 4

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Shot:
    """How one letter lies and is photographed; heights are in page widths, angles in degrees, motion in pixels."""

    name: str
    tilt: float
    pitch: float
    yaw: float
    folds: tuple[float, float]
    curl: float
    curl_from_left: bool
    glare: tuple[float, float]
    light: tuple[float, float]
    motion: tuple[int, float]
    table: tuple[int, int, int]
    warmth: float


SHOTS = (
    Shot(
        name="vet",
        tilt=4.5,
        pitch=9,
        yaw=-5,
        folds=(0.022, -0.018),
        curl=0.07,
        curl_from_left=False,
        glare=(0.74, 0.2),
        light=(-0.5, -0.35),
        motion=(4, 25),
        table=(62, 92, 128),
        warmth=0.04,
    ),
    Shot(
        name="kfz",
        tilt=-7.5,
        pitch=-6,
        yaw=6,
        folds=(-0.02, 0.026),
        curl=0.08,
        curl_from_left=True,
        glare=(0.3, 0.86),
        light=(0.45, -0.5),
        motion=(3, 100),
        table=(70, 66, 60),
        warmth=0.0,
    ),
    Shot(
        name="friend",
        tilt=11,
        pitch=5,
        yaw=4,
        folds=(0.025, 0.02),
        curl=0.06,
        curl_from_left=False,
        glare=(0.6, 0.5),
        light=(-0.3, 0.55),
        motion=(4, 160),
        table=(96, 120, 110),
        warmth=0.08,
    ),
)


def main() -> None:
    """Make every photograph anew beside this file."""
    for seed, shot in enumerate(SHOTS, start=1):
        photograph = photographed(rendered(HERE / f"{shot.name}.html"), shot, np.random.default_rng(seed))
        kept = cv2.imwrite(str(HERE / f"{shot.name}.jpg"), photograph, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        sys.stdout.write(f"{shot.name}.jpg {'written' if kept else 'NOT written'}\n")


def rendered(page: Path) -> NDArray[np.uint8]:
    """Return the page as a browser shows it, in colour (BGR)."""
    width, height = PAGE
    with tempfile.TemporaryDirectory() as folder:
        dressed, picture = Path(folder, "page.html"), Path(folder, "page.png")
        dressed.write_text(page.read_text(encoding="utf-8").replace("<style>", f"<style>{_faces()}", 1), "utf-8")
        # The window is taller than the page because its own frame takes some of the height.
        options = (f"--window-size={width},{height + 200}", f"--force-device-scale-factor={SCALE}")
        command = [*CHROMIUM, *options, f"--screenshot={picture}", f"--user-data-dir={folder}", dressed.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return np.asarray(cv2.imread(str(picture)), np.uint8)[: int(height * SCALE), : int(width * SCALE)]


def photographed(page: NDArray[np.uint8], shot: Shot, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the page as the camera sees it on a table."""
    u, v = _page_coordinates(shot)
    tall, wide = page.shape[:2]
    where = (u * (wide - 1), v * (tall - 1))
    lit = page.astype(np.float32) * _upscaled(_shading(shot), (wide, tall))[..., None]
    sheet = cv2.remap(lit, *where, cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.GaussianBlur(((u > 0) & (u < 1) & (v > 0) & (v < 1)).astype(np.float32), (0, 0), 0.9)
    table = _table(shot, rng) * (1 - 0.55 * _shadow_of(inside, shot))[..., None]
    scene: Array = table + (sheet - table) * inside[..., None]
    scene = _glared(scene, u, v, shot) * _room_light()[..., None]
    scene = cv2.filter2D(scene, -1, _motion_kernel(*shot.motion)) * _warm(shot.warmth)
    grain = cv2.GaussianBlur(rng.normal(0, 4, scene.shape).astype(np.float32), (0, 0), 0.8)
    return np.asarray(np.clip(scene + grain, 0, 255), np.uint8)


def _faces() -> str:
    """Return the CSS that gives the browser a text face which its machine does not have."""
    rules = []
    for weight in ("Regular", "Bold"):
        font = base64.b64encode(files("font_caladea").joinpath(f"files/Caladea-{weight}.ttf").read_bytes()).decode()
        source = f"src:url(data:font/ttf;base64,{font})"
        rules.append(f"@font-face{{font-family:Letter;font-weight:{weight.replace('Regular', 'normal')};{source}}}")
    return "".join(rules)


def _height(u: Array, v: Array, shot: Shot) -> Array:
    """Return how high the sheet stands over the table: two creases and a curl that grows towards one side."""
    ridges = sum(
        deep * np.maximum(0, 1 - np.abs(v - fold) / FOLDS[0]) for fold, deep in zip(FOLDS, shot.folds, strict=True)
    )
    side = 1 - u if shot.curl_from_left else u
    curl = shot.curl * np.clip(side, 0, 1.1) ** 3 * (0.6 + 0.4 * v)
    return np.asarray(ridges + curl + 0.006 * np.sin(5 * u + 3 * v), np.float32)


def _shading(shot: Shot) -> Array:
    """Return how bright each place of the page is under a lamp from one side, with the dark lines of the folds."""
    v, u = np.mgrid[0:1:420j, 0:1:300j].astype(np.float32)
    down, right = np.gradient(_height(u, v, shot), 1.414 / 420, 1 / 300)
    slope = -(right * shot.light[0] + down * shot.light[1])
    lines = sum(0.13 * np.exp(-(((v - fold) / 0.0022) ** 2)) for fold in FOLDS)
    shade = cv2.GaussianBlur(np.asarray(0.93 + 0.75 * slope, np.float32), (0, 0), 1.5)
    return np.asarray(np.clip(shade, 0.55, 1.06) - lines, np.float32)


def _projected(u: Array, v: Array, z: Array, shot: Shot) -> tuple[Array, Array]:
    """Return where a pinhole camera over the table sees places of the page, in pixels of the photograph."""
    points = np.stack([u - 0.5, (v - 0.5) * 1.414, -z])
    pitch, yaw, tilt = np.radians((shot.pitch, shot.yaw, shot.tilt))
    about_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    about_z = [[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]]
    x, y, depth = np.tensordot(np.array(about_z) @ about_y @ about_x, points, 1)
    # The page fills the frame but for a margin that the turn about the view axis needs.
    room = 1.1 + 1.2 * abs(np.sin(tilt))
    near = 1 / (1 + depth / 2.4)
    across, down = WIDTH / 2 + x * near * WIDTH / room, HEIGHT / 2 + y * near * WIDTH / room
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def _page_coordinates(shot: Shot) -> tuple[Array, Array]:
    """Return the place of the page (0 to 1 inside it) that each pixel shows.

    The bent sheet's image differs little from a flat sheet's, so the flat one's inverse is corrected until it fits.
    """
    y, x = np.mgrid[0:HEIGHT:COARSE, 0:WIDTH:COARSE].astype(np.float32)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    flat = np.stack(_projected(corners[:, 0], corners[:, 1], np.zeros(4, np.float32), shot), axis=1)
    to_page = cv2.getPerspectiveTransform(flat, corners)
    aim = np.stack([x, y], axis=-1)
    page = cv2.perspectiveTransform(aim, to_page)
    for _ in range(12):
        u, v = page[..., 0], page[..., 1]
        bent = np.stack(_projected(u, v, _height(u, v, shot), shot), axis=-1)
        level = np.stack(_projected(u, v, np.zeros_like(u), shot), axis=-1)
        page = cv2.perspectiveTransform(aim - (bent - level), to_page)
    return _upscaled(page[..., 0].copy(), (WIDTH, HEIGHT)), _upscaled(page[..., 1].copy(), (WIDTH, HEIGHT))


def _upscaled(values: Array, size: tuple[int, int]) -> Array:
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _table(shot: Shot, rng: np.random.Generator) -> Array:
    """Return a table top with a grain along one way."""
    coarse = rng.normal(0, 1, (HEIGHT // 4, WIDTH // 4)).astype(np.float32)
    grain = cv2.GaussianBlur(coarse, (0, 0), sigmaX=60, sigmaY=1.2)
    grain = _upscaled(grain / grain.std(), (WIDTH, HEIGHT))
    return np.asarray(np.array(shot.table, np.float32) * (1 + 0.08 * grain)[..., None], np.float32)


def _shadow_of(inside: Array, shot: Shot) -> Array:
    """Return the soft shadow that the sheet throws away from the lamp."""
    small = cv2.resize(inside, (WIDTH // 8, HEIGHT // 8), interpolation=cv2.INTER_AREA)
    move = np.array([[1, 0, -10 * shot.light[0]], [0, 1, -10 * shot.light[1]]], np.float32)
    moved = cv2.warpAffine(small, move, (WIDTH // 8, HEIGHT // 8))
    return _upscaled(np.asarray(cv2.GaussianBlur(moved, (0, 0), 5), np.float32), (WIDTH, HEIGHT))


def _glared(scene: Array, u: Array, v: Array, shot: Shot) -> Array:
    """Return the scene with a lamp's reflection: paper nearly white there, ink grey."""
    spot = np.exp(-(((u - shot.glare[0]) / 0.16) ** 2) - ((v - shot.glare[1]) / 0.07) ** 2)
    return np.asarray(scene + (252 - scene) * (0.5 * spot)[..., None], np.float32)


def _room_light() -> Array:
    """Return the room's light, which falls off towards one corner as with a hand or head before the lamp."""
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j].astype(np.float32)
    return np.asarray(0.97 - 0.22 * np.clip(0.6 * x + 0.7 * y - 0.45, 0, 1), np.float32)


def _motion_kernel(length: int, degrees: float) -> Array:
    """Return the blur of a hand that moves in a straight line while the shutter is open."""
    middle = 5
    kernel: Array = np.zeros((11, 11), np.float32)
    way = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]) * length / 2
    start, end = (tuple(np.round(middle + sign * way).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA)
    kernel = cv2.GaussianBlur(kernel, (0, 0), 0.7)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _warm(amount: float) -> Array:
    return np.array([1 - amount, 1 - amount / 4, 1 + amount / 4], np.float32)


if __name__ == "__main__":
    main()
