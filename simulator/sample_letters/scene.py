"""Draw from a seed where camera, sheet and lamp stand, so that one seed is one scene for ever."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Surface = Literal["wood", "metal", "dark"]
Points = npt.NDArray[np.float64]

# width and height of portrait frames, 5 to 8 megapixels: the sensors that a Raspberry Pi camera offers, cropped to 3:4
FRAMES = ((1944, 2592), (2160, 2880), (2304, 3072), (2448, 3264))
LEAST_TILT, MOST_TILT = 3.0, 15.0  # degrees, rotation and both perspective angles taken together
QUALITY = (60, 80)  # of the JPEG
VIEW_DISTANCE = 2.4  # sheet heights between camera and sheet


@dataclass(frozen=True, slots=True)
class Scene:
    """One placement of camera, sheet and lamp; angles in degrees, ``light_from`` in radians, the rest in fractions."""

    width: int
    height: int
    roll: float
    pitch: float
    yaw: float
    fill: float  # of the frame, by the sheet's longer fitting side
    shift: tuple[float, float]  # of the room left around the sheet, -1 to 1
    bend: tuple[float, float]  # of the sheet's height: how far paper curls along and across
    surface: Surface
    light_from: float
    falloff: float
    shadow: float
    warmth: float
    exposure: float
    softness: float  # standard deviation of the lens blur, pixels
    noise: float  # standard deviation of the sensor noise, levels of 255
    quality: int


def draw_scene(seed: int) -> Scene:
    """Return the scene of ``seed`` (0 or more); a third are landscape, for which only the largest frame will do."""
    rng = np.random.default_rng((seed, 0))
    width, height = FRAMES[rng.integers(len(FRAMES))]
    if rng.random() < 1 / 3:
        height, width = FRAMES[-1]
    roll, pitch, yaw = _tilt(rng)
    return Scene(
        width=width,
        height=height,
        roll=roll,
        pitch=pitch,
        yaw=yaw,
        fill=rng.uniform(0.88, 0.97),
        shift=(rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8)),
        bend=(rng.uniform(-0.003, 0.003), rng.uniform(-0.005, 0.005)),
        surface=("wood", "metal", "dark")[rng.integers(3)],
        light_from=rng.uniform(0, 2 * np.pi),
        falloff=rng.uniform(0.1, 0.3),
        shadow=rng.uniform(0.12, 0.34),
        warmth=rng.uniform(-0.05, 0.09),
        exposure=rng.uniform(0.9, 1.02),
        softness=rng.uniform(0.6, 1.0),
        noise=rng.uniform(2.0, 5.0),
        quality=int(rng.integers(QUALITY[0], QUALITY[1] + 1)),
    )


def sheet_corners(scene: Scene, sheet: tuple[float, float]) -> Points:
    """Return where the corners of a sheet (width, height) fall in the frame, clockwise from the top left."""
    half_width, half_height = sheet[0] / sheet[1] / 2, 0.5
    corners = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]) * (half_width, half_height, 1)
    turned = corners @ _rotation(scene).T
    seen = turned[:, :2] / (VIEW_DISTANCE + turned[:, 2:])
    return _fit(seen, scene)


def _tilt(rng: np.random.Generator) -> tuple[float, float, float]:
    direction = rng.normal(size=3) * (1.0, 0.7, 0.7)  # a letter turns on the floor more easily than it stands up
    roll, pitch, yaw = direction / np.linalg.norm(direction) * rng.uniform(LEAST_TILT, MOST_TILT)
    return float(roll), float(pitch), float(yaw)


def _rotation(scene: Scene) -> Points:
    roll, pitch, yaw = np.radians((scene.roll, scene.pitch, scene.yaw))
    around_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    around_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    around_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    rotation: Points = around_y @ around_x @ around_z
    return rotation


def _fit(points: Points, scene: Scene) -> Points:
    frame = np.array((scene.width, scene.height))
    low, high = points.min(axis=0), points.max(axis=0)
    scale = scene.fill * float((frame / (high - low)).min())
    room = frame - (high - low) * scale
    fitted: Points = (points - low) * scale + room * (1 + np.array(scene.shift)) / 2
    return fitted
