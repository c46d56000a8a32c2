"""What a photograph is made of: geometry, ground, light and the hand that spoils a frame."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from simulator.sample_letters.hand import spoil
from simulator.sample_letters.light import COARSE, cast_shadow, coarse_grid, lamp, light_scene, relief, stretch
from simulator.sample_letters.scene import Scene, Surface, draw_scene, sheet_corners
from simulator.sample_letters.surfaces import Pixels, clouds, paint_surface

A4 = (210.0, 297.0)
SMALL = replace(draw_scene(0), width=320, height=240)
UNTILTED = replace(SMALL, roll=0.0, pitch=0.0, yaw=0.0)
SURFACES = get_args(Surface)


def test_the_same_seed_is_the_same_scene_and_another_another() -> None:
    assert draw_scene(3) == draw_scene(3)
    assert len({draw_scene(seed) for seed in range(50)}) == 50


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        draw_scene(-1)


def test_an_untilted_camera_sees_a_rectangle_with_the_sides_of_the_sheet() -> None:
    top_left, top_right, bottom_right, bottom_left = sheet_corners(UNTILTED, A4)
    assert top_left[1] == pytest.approx(top_right[1])
    assert top_right[0] == pytest.approx(bottom_right[0])
    width, height = top_right[0] - top_left[0], bottom_left[1] - top_left[1]
    assert width / height == pytest.approx(A4[0] / A4[1])
    assert height == pytest.approx(UNTILTED.fill * UNTILTED.height)


def test_a_rolled_camera_turns_the_sheet_by_as_many_degrees() -> None:
    corners = sheet_corners(replace(UNTILTED, roll=12.0), A4)
    along = corners[1] - corners[0]
    assert np.degrees(np.arctan2(along[1], along[0])) == pytest.approx(12.0)


def test_a_pitched_camera_sees_one_edge_of_the_sheet_longer_than_the_opposite_one() -> None:
    corners = sheet_corners(replace(UNTILTED, pitch=10.0), A4)
    top, bottom = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3])
    assert bottom < top * 0.97


@pytest.mark.parametrize("surface", SURFACES)
def test_a_surface_fills_its_size_and_is_the_same_for_the_same_numbers(surface: Surface) -> None:
    one, same = (paint_surface(surface, (121, 80), np.random.default_rng(4)) for _ in range(2))
    assert one.shape == (80, 121, 3)
    assert (one == same).all()
    assert one.std() > 1


def test_surfaces_are_darker_than_paper_and_one_is_nearly_black() -> None:
    brightness = {surface: _painted(surface).mean() for surface in SURFACES}
    assert max(brightness.values()) < 170
    assert brightness["dark"] < 60 < min(brightness["wood"], brightness["metal"])


def test_wood_is_warm_and_metal_grey() -> None:
    blue, _, red = _painted("wood").reshape(-1, 3).mean(axis=0)
    assert red > 1.3 * blue
    blue, _, red = _painted("metal").reshape(-1, 3).mean(axis=0)
    assert red == pytest.approx(blue, rel=0.2)


def test_clouds_are_smooth() -> None:
    field = clouds((200, 100), (4, 3), np.random.default_rng(1))
    assert np.abs(np.diff(field, axis=1)).max() < 0.1 < field.std()


def test_a_coarse_field_keeps_its_values_where_it_was_computed() -> None:
    across, down = coarse_grid(SMALL)
    fine = stretch(across + 3 * down, SMALL)
    assert fine.shape == (SMALL.height, SMALL.width)
    rows, columns = np.mgrid[0 : SMALL.height, 0 : SMALL.width]
    assert fine == pytest.approx(columns + 3 * rows, abs=0.6)
    assert (fine[::COARSE, ::COARSE] == (across + 3 * down)[: SMALL.height // COARSE, : SMALL.width // COARSE]).all()


def test_the_lamp_brightens_its_own_side() -> None:
    scene = replace(SMALL, light_from=0.0, falloff=0.3, shadow=0.0)
    light = lamp(scene, np.random.default_rng(2))
    assert light[:, -3].mean() > light[:, 2].mean() + 0.15


def test_a_shadow_darkens_more_the_deeper_it_is() -> None:
    least = [lamp(replace(SMALL, shadow=depth), np.random.default_rng(2)).min() for depth in (0.0, 0.2, 0.34)]
    assert least == sorted(least, reverse=True)


def test_folds_shade_the_sheet_and_nothing_beside_it() -> None:
    down, across = (axis.astype(np.float32) for axis in np.mgrid[-0.5:1.5:100j, -0.5:1.5:100j])
    shade = relief(across, down, replace(SMALL, light_from=np.pi / 2))
    assert (shade[(down < -0.02) | (down > 1.02) | (across < -0.02) | (across > 1.02)] == 1).all()
    on_sheet = shade[(down > 0) & (down < 1) & (across > 0) & (across < 1)]
    assert 0.02 < np.ptp(on_sheet) < 0.2


def test_a_warm_lamp_reddens_and_never_wraps_round() -> None:
    white = np.full((SMALL.height, SMALL.width, 3), 255, dtype=np.uint8)
    bright = np.full(coarse_grid(SMALL)[0].shape, 1.2, dtype=np.float32)
    blue, green, red = light_scene(white, bright, replace(SMALL, warmth=0.09, exposure=0.7)).reshape(-1, 3).mean(axis=0)
    assert blue < green < red
    assert light_scene(white, bright, replace(SMALL, warmth=0.0, exposure=1.2)).min() == 255


def test_the_sheet_throws_its_shadow_close_to_itself() -> None:
    ground = np.full((SMALL.height, SMALL.width, 3), 200, dtype=np.uint8)
    corners = np.array([(120.0, 80.0), (200.0, 80.0), (200.0, 160.0), (120.0, 160.0)])
    shaded = cast_shadow(ground, corners, SMALL)
    assert shaded[120, 160].max() < 100
    assert shaded[10, 10].min() >= 199


def test_a_moved_frame_loses_its_fine_detail_and_keeps_its_size() -> None:
    stripes = _stripes(SMALL)
    moved = spoil(stripes, 1, 0)
    assert moved.shape == stripes.shape
    assert _detail(moved) < _detail(stripes) / 5


def test_two_frames_move_differently_and_one_always_alike() -> None:
    stripes = _stripes(SMALL)
    assert (spoil(stripes, 1, 0) == spoil(stripes, 1, 0)).all()
    assert (spoil(stripes, 1, 0) != spoil(stripes, 1, 1)).any()


def test_a_hand_comes_into_most_frames_but_not_into_all() -> None:
    paper = np.full((240, 320, 3), 235, dtype=np.uint8)
    with_hand = [bool((spoil(paper, seed, 0) < 200).any()) for seed in range(40)]
    assert 20 < sum(with_hand) < 38


def _painted(surface: Surface) -> Pixels:
    return np.concatenate([paint_surface(surface, (200, 200), np.random.default_rng(seed)) for seed in range(6)])


def _stripes(scene: Scene) -> Pixels:
    columns, rows = np.arange(scene.width) // 2 % 2, np.arange(scene.height)[:, None] // 2 % 2
    return np.repeat(((columns ^ rows) * 255)[..., None], 3, axis=2).astype(np.uint8)


def _detail(pixels: Pixels) -> float:
    return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean())
