# SPDX-License-Identifier: Apache-2.0
"""Shadows, mirrors, panes and haze, where geometry says what must be seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch

from foundation_stereo_ros.scenes.raycast.compose.materials import Column
from foundation_stereo_ros.scenes.raycast.compose.world import Primitive, Shape
from foundation_stereo_ros.scenes.raycast.render.light import lamp_points
from foundation_stereo_ros.scenes.raycast.render.tensors import LightColumn, SceneBatch
from foundation_stereo_ros.scenes.raycast.render.view import render

HEIGHT, WIDTH, WALL = 48, 80, 3.0
FOCAL, CX, CY = 60.0, 39.5, 23.5
Build = Callable[..., SceneBatch]


def _plain(scene: SceneBatch, lamp: tuple[float, float, float], **numbers: float) -> SceneBatch:
    """Return a scene of white matt materials without mottle, lit by one lamp that casts shadows."""
    scene.materials[:] = 0.0
    scene.materials[:, :, 1:7] = 1.0
    for name, value in {"AMBIENT": 0.3, "MOTTLE": 0.0, "SHADOWS": 1.0, **numbers}.items():
        scene.light[:, LightColumn[name]] = value
    scene.light[:, :3] = torch.tensor(lamp)
    return dataclasses.replace(scene, shadowed=(0,) if scene.light[0, LightColumn.SHADOWS] else ())


def _plate(z: float, half: float, shape: Shape = Shape.CARD, x: float = 0.0) -> Primitive:
    return Primitive(shape, np.eye(3), np.array([x, 0.0, z]), np.array([half, half, 1e-3]), 6)


def test_a_shadow_is_where_the_lines_from_the_lamp_put_it_in_both_views(scene_with: Build) -> None:
    # a plate of 0.2 m at 2 m, a lamp at 1 m: twice as large on the wall, from -1.2 to -0.4 m
    plate, lamp = _plate(2.0, 0.2), (0.8, 0.0, 1.0)
    with_shadow = render(_plain(scene_with(plate), lamp), HEIGHT, WIDTH)
    without = render(_plain(scene_with(plate), lamp, SHADOWS=0.0), HEIGHT, WIDTH)
    assert torch.equal(with_shadow.disparity, without.disparity)
    for name, camera in (("left", 0.0), ("right", 0.1)):
        dark = (getattr(with_shadow, name) < 0.99 * getattr(without, name))[0, 0, 24]
        columns = torch.arange(WIDTH)[dark]
        assert abs(float(columns.min()) - (CX + FOCAL * (-1.2 - camera) / WALL)) <= 1.0
        assert abs(float(columns.max()) - (CX + FOCAL * (-0.4 - camera) / WALL)) <= 1.0
        assert len(columns) == columns.max() - columns.min() + 1


def test_a_large_lamp_has_soft_shadows(scene_with: Build) -> None:
    shares = {}
    for size in (0.0, 0.25):
        scene = _plain(scene_with(_plate(2.0, 0.2)), (0.8, 0.0, 1.0), AMBIENT=0.0, SIZE=size)
        dark = {"AMBIENT": 0.0, "SHADOWS": 0.0}
        lit = render(_plain(scene_with(_plate(2.0, 0.2)), (0.8, 0.0, 1.0), **dark), HEIGHT, WIDTH)
        row = (render(scene, HEIGHT, WIDTH).left / lit.left)[0, 0, 24]
        shares[size] = float(((row > row.min() + 0.02) & (row < 0.98)).float().mean())
    assert shares[0.0] < 0.06
    assert shares[0.25] > shares[0.0] + 0.1


def test_every_pixel_has_all_points_of_the_lamp_around_it() -> None:
    lamps = lamp_points(5, 7, torch.device("cpu"))
    assert set(lamps[: 5 * 7].tolist()) == {0}
    corner = lamps[5 * 7 :].reshape(6, 8)
    for y, x in np.ndindex(5, 7):
        assert set(corner[y : y + 2, x : x + 2].flatten().tolist()) == {1, 2, 3, 4}


def test_a_mirror_shows_what_is_behind_the_camera_and_keeps_its_own_depth(scene_with: Build) -> None:
    ball = Primitive(Shape.ELLIPSOID, np.eye(3), np.array([0.5, 0.0, -0.5]), np.full(3, 0.25), 2)
    scene = _plain(scene_with(_plate(2.0, 1.0), ball), (0.0, -1.0, 0.0), SHADOWS=0.0)
    scene.materials[:, 6, Column.MIRROR] = 1.0
    scene.materials[:, 2, 1:7] = torch.tensor([1.0, 0.0, 0.0] * 2)
    scene.materials[:, 2, Column.GLOW] = 1.0
    picture = render(dataclasses.replace(scene, bouncing=(0,)), HEIGHT, WIDTH)
    torch.testing.assert_close(picture.disparity[0, 0, 20:28, 30:50], torch.full((8, 20), 3.0))
    red = (picture.left[0, 0] - picture.left[0, 1]) > 0.4
    # the mirrored ball is 4.5 m ahead
    rows, columns = red.nonzero().float().unbind(1)
    assert abs(float(columns.mean()) - (CX + FOCAL * 0.5 / 4.5)) < 0.6
    assert abs(float(rows.mean()) - CY) < 0.6
    # and its parallax is that of 4.5 m, not the mirror's
    moved = ((picture.right[0, 0] - picture.right[0, 1]) > 0.4).nonzero().float()[:, 1].mean()
    assert abs(float(columns.mean() - moved) - FOCAL * 0.1 / 4.5) < 0.6


def test_a_clear_pane_shows_the_scene_behind_it_and_casts_no_shadow(scene_with: Build) -> None:
    pane, plate = _plate(1.0, 0.25, Shape.PANE), _plate(2.0, 0.2, x=0.11)
    scene = scene_with(pane, dataclasses.replace(plate, material=2))
    scene = _plain(scene, (0.8, 0.0, 0.5))
    scene.materials[:, 2, 1:7] = 0.4
    scene.materials[:, 6, Column.THROUGH] = 1.0
    glazed = render(dataclasses.replace(scene, bouncing=(0,)), HEIGHT, WIDTH)
    alone = _plain(scene_with(dataclasses.replace(plate, material=2)), (0.8, 0.0, 0.5))
    alone.materials[:, 2, 1:7] = 0.4
    without = render(alone, HEIGHT, WIDTH)
    unlike = (glazed.left - without.left).abs().amax(1) > 0.01
    assert float(unlike.float().mean()) < 0.002
    on_pane = glazed.disparity != without.disparity
    assert int(on_pane.sum()) == 30 * 30
    torch.testing.assert_close(glazed.disparity[on_pane], torch.full((900,), 6.0))


def test_fog_takes_contrast_with_depth(scene_with: Build) -> None:
    scene = _plain(scene_with(_plate(1.5, 0.3)), (0.0, 0.0, 0.0), SHADOWS=0.0, AMBIENT=1.0, FOG=1.0)
    scene.light[:, LightColumn.FOG_COLOR : LightColumn.FOG_COLOR + 3] = 0.0
    clear = _plain(scene_with(_plate(1.5, 0.3)), (0.0, 0.0, 0.0), SHADOWS=0.0, AMBIENT=1.0)
    ratio = (render(scene, HEIGHT, WIDTH).left / render(clear, HEIGHT, WIDTH).left)[0, 0, 24]
    assert abs(float(ratio[40]) - np.exp(-1.5)) < 1e-3
    assert abs(float(ratio[5]) - np.exp(-3.0)) < 1e-3
