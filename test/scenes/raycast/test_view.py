# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.scenes.raycast.compose.materials import COLUMNS
from foundation_stereo_ros.scenes.raycast.compose.world import Primitive, Shape, World, rotation
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, plan
from foundation_stereo_ros.scenes.raycast.render.tensors import SceneBatch, pack
from foundation_stereo_ros.scenes.raycast.render.view import render

FOCAL, BASELINE, WALL = 60.0, 0.1, 3.0
HEIGHT, WIDTH = 48, 80
Build = Callable[..., SceneBatch]


def test_wall_ahead_has_disparity_of_focal_times_baseline_over_depth(scene_with: Build) -> None:
    picture = render(scene_with(), HEIGHT, WIDTH)
    torch.testing.assert_close(picture.depth, torch.full((1, 1, HEIGHT, WIDTH), WALL))
    torch.testing.assert_close(picture.disparity, torch.full((1, 1, HEIGHT, WIDTH), FOCAL * BASELINE / WALL))


@settings(deadline=None, max_examples=20)
@given(st.floats(-1.0, 1.0), st.floats(-0.6, 0.6))
def test_slanted_plane_has_affine_disparity(yaw: float, pitch: float) -> None:
    turn = rotation(yaw, pitch)
    room = Primitive(Shape.ROOM, np.eye(3), np.zeros(3), np.full(3, 50.0), 0)
    card = Primitive(Shape.CARD, turn, np.array([0.0, 0.0, 2.0]), np.array([40.0, 40.0, 1e-3]), 6)
    world = World([room, card], [np.zeros(COLUMNS)] * 7)
    picture = render(pack([world], [(FOCAL, 40.0, 24.0, BASELINE)]), HEIGHT, WIDTH)
    v, u = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    normal = turn[:, 2]
    rays = np.stack([(u - 40.0) / FOCAL, (v - 24.0) / FOCAL, np.ones_like(u)])
    exact = FOCAL * BASELINE * np.tensordot(normal, rays, 1) / (normal @ np.array([0.0, 0.0, 2.0]))
    on_card = exact > FOCAL * BASELINE / 15.0  # further off the card ends, or the room is nearer
    np.testing.assert_allclose(picture.disparity[0, 0].numpy()[on_card], exact[on_card], rtol=1e-5, atol=1e-5)


def test_box_before_wall_hides_a_strip_as_wide_as_the_disparity_step(scene_with: Build) -> None:
    # front face at 1 m: 6 px of disparity, the wall behind: 2 px
    box = Primitive(Shape.BOX, np.eye(3), np.array([0.0, 0.0, 1.05]), np.array([0.2, 9.0, 0.05]), 6)
    picture = render(scene_with(box), HEIGHT, WIDTH, occlusion=True)
    assert picture.occluded is not None
    row, disparity = picture.occluded[0, 0, 20], picture.disparity[0, 0, 20]
    on_box = disparity > 4.0
    assert int(on_box.sum()) == 24
    torch.testing.assert_close(disparity[on_box], torch.full((24,), 6.0))
    first = int(on_box.nonzero()[0])
    hidden = row.nonzero()[:, 0].tolist()
    # 4 px of wall to the left of the box, and what leaves the right picture at its left border
    assert [x for x in hidden if x >= 10] == list(range(first - 4, first))
    assert [x for x in hidden if x < 10] == [0, 1]


def test_sphere_silhouette_is_where_geometry_puts_it(scene_with: Build) -> None:
    radius, distance = 0.3, 1.5
    ball = Primitive(
        Shape.ELLIPSOID, rotation(0.3, 0.2), np.array([0.0, 0.0, distance]), np.full(3, radius), 6
    )
    depth = render(scene_with(ball), HEIGHT, WIDTH).depth[0, 0].numpy()
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    tangent = FOCAL * radius / np.sqrt(distance**2 - radius**2)
    offset = np.hypot(u - (WIDTH - 1) / 2, v - (HEIGHT - 1) / 2)
    clear = np.abs(offset - tangent) > 1e-3
    np.testing.assert_array_equal((depth < 2.0)[clear], (offset < tangent)[clear])
    assert abs(depth.min() - (distance - radius)) < 2e-3


@pytest.mark.parametrize("taper", [0.0, 0.5])
def test_upright_cylinder_has_its_width_and_caps(scene_with: Build, taper: float) -> None:
    can = Primitive(
        Shape.CYLINDER,
        np.eye(3),
        np.array([0.0, 0.0, 2.0]),
        np.array([0.3, 0.4, 0.3]),
        6,
        (taper, 2, 0, 2, 0),
    )
    depth = render(scene_with(can), HEIGHT, WIDTH).depth[0, 0].numpy()
    widths = (depth < 2.5).sum(1)
    # rows where y of the axis is -0.3 and 0.3 m
    for row, y in ((14, -9.5 / 30), (33, 9.5 / 30)):
        radius = 0.3 * (1.0 - taper * y / 0.4)
        assert abs(widths[row] - 2 * FOCAL * radius / np.sqrt(4.0 - radius**2)) < 2.5
    assert widths[:8].sum() == 0
    assert widths[40:].sum() == 0


def test_a_faceted_box_has_its_faces_and_its_cut_corners(scene_with: Build) -> None:
    extra = (1.5, 2.0, 0.0, 2.0, 0.0)
    rock = Primitive(Shape.FACETED, np.eye(3), np.array([0.0, 0.0, 2.0]), np.full(3, 0.5), 6, extra)
    depth = render(scene_with(rock), HEIGHT, WIDTH).depth[0, 0].numpy()
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    x, y = ((u - (WIDTH - 1) / 2) / FOCAL, (v - (HEIGHT - 1) / 2) / FOCAL)
    front = np.abs(x * 1.5) + np.abs(y * 1.5) < 0.5 * 1.5 - 0.5
    np.testing.assert_allclose(depth[front], 1.5, rtol=1e-5)
    # |X| + |Y| + |Z - 2| = 0.75 on the cut corners
    z = depth
    sides = np.abs(x * z) + np.abs(y * z) + np.abs(z - 2.0)
    corner = (depth < 2.0) & ~front & (np.abs(x * z) < 0.499) & (np.abs(y * z) < 0.499)
    assert corner.sum() > 100
    np.testing.assert_allclose(sides[corner], 0.75, rtol=1e-4)


def test_bars_of_a_fence_let_the_wall_through(scene_with: Build) -> None:
    bars = (4.0, 0.5, 0.0, 0.0, 0.0)  # 4 pitches per half width, half of each is bar
    fence = Primitive(Shape.CARD, np.eye(3), np.array([0.0, 0.0, 1.0]), np.array([0.5, 0.3, 1e-3]), 6, bars)
    depth = render(scene_with(fence), HEIGHT, WIDTH).depth[0, 0].numpy()
    row = depth[24, 10:70]
    assert set(np.unique(row.round(3))) == {1.0, 3.0}
    assert abs(int((row == row.min()).sum()) - 30) <= 4


def test_flat_heights_are_a_plane_and_a_ramp_is_slanted(scene_with: Build) -> None:
    turn = rotation(0.0, np.pi / 2)  # heights towards the camera
    field = Primitive(Shape.FIELD, turn, np.array([0.0, 0.0, 2.0]), np.array([3.0, 0.5, 3.0]), 6)
    scene = scene_with(field)
    scene.heights[:] = 0.25
    flat = render(scene, HEIGHT, WIDTH).depth
    torch.testing.assert_close(flat, torch.full_like(flat, 2.0 + 0.5 * (1.0 - 2.0 * 0.25)), atol=1e-4, rtol=0)
    scene.heights[:] = torch.linspace(0.0, 1.0, scene.heights.shape[-1])
    disparity = render(scene, HEIGHT, WIDTH).disparity[0, 0]
    # a plane: its disparity is affine in the columns
    bend = disparity[:, 2:] - 2 * disparity[:, 1:-1] + disparity[:, :-2]
    assert float(bend[:, 15:60].abs().max()) < 1e-3
    assert float((disparity[:, 60] - disparity[:, 15]).abs().min()) > 0.1


def test_right_picture_warped_by_the_disparity_is_the_left_one() -> None:
    config = SceneConfig(flaws=0.0, disparity_high=30.0)
    batch = SceneGenerator(config).generate(77, 4, 96, 128)
    assert batch.occluded is not None
    column = torch.arange(128.0) - batch.disparity[:, 0]
    row = torch.arange(96.0)[:, None].expand(4, 96, 128)
    grid = torch.stack([column / 127 * 2 - 1, row / 95 * 2 - 1], dim=-1)
    warped = torch.nn.functional.grid_sample(batch.right, grid, mode="bicubic", align_corners=True)
    # the colour at an edge is a mixture of two surfaces
    rough = batch.disparity.diff(dim=3, prepend=batch.disparity[..., :1]).abs() > 0.3
    edge = torch.nn.functional.max_pool2d((rough | batch.occluded).float(), 5, 1, 2) > 0
    error = (warped - batch.left).abs().mean(1, keepdim=True)
    plain = (batch.left - batch.right).abs().mean(1, keepdim=True)
    assert float(edge.float().mean()) < 0.7
    assert float(error[~edge].mean()) < 3.0
    assert float(error[~edge].mean()) < 0.2 * float(plain[~edge].mean())


def test_hidden_pixels_are_those_that_no_right_pixel_shows() -> None:
    # without thin things, which hide and show within a pixel
    solid = SceneConfig(outdoor=0.0, thicket=0.0, street=0.0, room=0.0).without()
    scenes = plan(solid, [5, 6, 7], 64, 96).scenes
    left = render(scenes, 64, 96, occlusion=True)
    swapped = plan(solid, [5, 6, 7], 64, 96).scenes
    swapped.surfaces[:, :, 9] -= swapped.camera[:, 3:]  # the right camera as the left one
    right = render(swapped, 64, 96)
    column = torch.arange(96.0) - left.disparity
    inside = column >= 0
    # the right pixels on both sides of where the point would be
    sides = [
        right.disparity.gather(3, whole.clamp(0, 95).long()) - left.disparity
        for whole in (column.floor(), column.ceil())
    ]
    nearer, farther = torch.minimum(*sides), torch.maximum(*sides)
    assert left.occluded is not None
    clearly_hidden = inside & (nearer > 1.5)
    clearly_seen = inside & (nearer.abs() < 0.05) & (farther.abs() < 0.05)
    assert int(clearly_hidden.sum()) > 100
    # something thinner than a pixel may stand between
    assert float(left.occluded[clearly_hidden].float().mean()) > 0.97
    assert float(left.occluded[clearly_seen].float().mean()) < 0.01
    assert bool(left.occluded[column < -0.5].all())
