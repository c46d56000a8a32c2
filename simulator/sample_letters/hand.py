"""Spoil a frame as the hand that lays in a letter does: the sheet still moves, and fingers are in the way."""

import cv2
import numpy as np
import numpy.typing as npt

from simulator.sample_letters.surfaces import Pixels

SMALLER = 2  # moved frames are computed at half size: a smear has no finer detail to lose
SHORTEST, LONGEST = 14, 34  # pixels of that half-size frame that a moving sheet is smeared over
FINGERS = ((-0.075, 0.15), (-0.028, 0.19), (0.022, 0.185), (0.07, 0.145))  # offset and length, in frame heights
SKINS = ((118, 148, 198), (88, 112, 160), (62, 82, 118))  # blue, green, red


def spoil(pixels: Pixels, seed: int, frame: int) -> Pixels:
    """Return the frame smeared along one direction, mostly with the hand of ``seed`` reaching in from its edge."""
    moment = np.random.default_rng((seed, 5, frame))
    height, width = pixels.shape[:2]
    half = (width // SMALLER, height // SMALLER)
    small = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if moment.random() < 0.7:
        _lay_hand(small, np.random.default_rng((seed, 5)), moment)
    smear = _smear(moment.uniform(SHORTEST, LONGEST), moment.uniform(0, np.pi))
    moved = cv2.filter2D(small, -1, smear, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(moved, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _smear(length: float, angle: float) -> npt.NDArray[np.float32]:
    side = int(length) | 1
    kernel = np.zeros((side, side), dtype=np.float32)
    middle, reach = side // 2, side / 2
    arm = np.array((np.cos(angle), np.sin(angle))) * reach
    start, end = (np.round(middle - arm).astype(int), np.round(middle + arm).astype(int))
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0, 1, cv2.LINE_AA)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _lay_hand(pixels: Pixels, person: np.random.Generator, moment: np.random.Generator) -> None:
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), dtype=np.uint8)
    side, skin = person.choice((-1, 1)), SKINS[person.integers(len(SKINS))]
    wrist = np.array((width / 2 + side * width * moment.uniform(0.34, 0.46), height * moment.uniform(0.45, 0.8)))
    inwards = np.array((-side, moment.uniform(-0.7, 0.1)))
    inwards /= np.linalg.norm(inwards)
    across = np.array((-inwards[1], inwards[0]))
    palm = wrist + inwards * 0.12 * height
    _limb(mask, wrist - inwards * width, wrist, 0.105 * height)
    _limb(mask, wrist, palm, 0.19 * height)
    for offset, length in FINGERS:
        knuckle = palm + across * offset * height
        _limb(mask, knuckle, knuckle + (inwards + across * offset * 2.5) * length * height, 0.042 * height)
    _blend(pixels, mask, skin)


def _limb(mask: Pixels, start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], thickness: float) -> None:
    ends = (np.round(start).astype(int).tolist(), np.round(end).astype(int).tolist())
    cv2.line(mask, ends[0], ends[1], 255, round(thickness), cv2.LINE_AA)


def _blend(pixels: Pixels, mask: Pixels, skin: tuple[int, int, int]) -> None:
    height = mask.shape[0]
    shadow = cv2.GaussianBlur(mask, (0, 0), height / 60)
    rounded = np.asarray(cv2.GaussianBlur(mask, (0, 0), height / 90), dtype=np.float32) / 255
    cover = np.asarray(cv2.GaussianBlur(mask, (0, 0), height / 400), dtype=np.float32)[..., None] / 255
    under = pixels * (1 - 0.35 * np.asarray(shadow, dtype=np.float32)[..., None] / 255)
    hand = np.array(skin, dtype=np.float32) * (0.35 + 0.6 * rounded[..., None])
    np.copyto(pixels, (under * (1 - cover) + hand * cover).astype(np.uint8))
