# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.scenes.layered.config import LayeredConfig
from foundation_stereo_ros.scenes.layered.painter import Layer, LayeredScenes, View, occlusion, paint
from foundation_stereo_ros.scenes.layered.surfaces import Plane
from foundation_stereo_ros.scenes.layered.textures import Texture

HEIGHT, WIDTH = 96, 192


def flat(box: tuple[int, int, int, int], disparity: float, along_x: float = 0.0, grey: int = 100) -> Layer:
    plane = Plane.through(box[0], 0, disparity, along_x, 0)
    picture = np.full((8, 8, 3), grey, np.uint8)
    texture = Texture(picture, np.eye(2, 3), np.eye(3, 4))
    return Layer(box, None, plane.over(box), texture, plane)


def columns(width: int, height: int) -> Texture:
    """A texture whose grey level is the left column times 2."""
    ramp = np.repeat((2 * np.arange(120, dtype=np.uint8))[None, :, None], height, axis=0)
    return Texture(np.repeat(ramp, 3, axis=2), np.eye(2, 3), np.eye(3, 4))


def test_a_box_before_a_wall_hides_what_is_left_of_it_by_the_difference_of_their_disparities() -> None:
    layers = [flat((0, 0, 80, 8), 4.0), flat((20, 0, 30, 8), 9.0, grey=200)]
    left, right = paint(layers, 8, 60)
    assert (left.disparity == np.where((np.arange(60) >= 20) & (np.arange(60) < 30), 9.0, 4.0)).all()
    assert (right.picture[0, :, 0] == np.where((np.arange(60) >= 11) & (np.arange(60) < 21), 200, 100)).all()
    hidden = np.zeros(60, bool)
    hidden[:4] = True  # outside the right view
    hidden[15:20] = True  # behind the box: 9 - 4 columns
    assert (occlusion(left, right) == hidden).all()


def test_through_a_hole_the_wall_is_seen_where_both_cameras_look_through_it() -> None:
    mask = np.full((8, 30), 255, np.uint8)
    mask[:, 10:20] = 0
    sheet = flat((20, 0, 50, 8), 10.0)
    layers = [flat((0, 0, 80, 8), 4.0), Layer(sheet.box, mask, sheet.disparity, sheet.texture, sheet.plane)]
    left, right = paint(layers, 8, 70)
    assert (left.disparity[0, 30:40] == 4.0).all()
    # the right camera sees the sheet six columns further left than the wall, and so the hole's last six not
    assert (~occlusion(left, right)[0, 30:40] == (np.arange(30, 40) < 34)).all()


@pytest.mark.parametrize("along_x", [-0.4, 0.0, 0.3])
def test_a_slanted_surface_is_painted_where_its_disparity_says(along_x: float) -> None:
    box = (0, 0, 100, 6)
    plane = Plane(8.0 + max(0.0, -along_x * 100), along_x, 0.0)
    for exact in (plane, None):  # solved in one step, and by iteration
        layer = Layer(box, None, plane.over(box), columns(120, 6), exact)
        _, right = paint([layer], 6, 60)
        shown = right.picture[0, :, 0] / 2  # left columns
        expected = (np.arange(60) + plane.at) / (1 - along_x)
        there = (right.layer[0] == 0) & (expected > 1) & (expected < 98)
        assert there.sum() > 15
        np.testing.assert_allclose(
            shown[there], expected[there], atol=0.6
        )  # grey levels are halves of columns
        np.testing.assert_allclose(right.disparity[0, there], plane.at + along_x * expected[there], atol=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_both_views_agree_about_every_surface(seed: int) -> None:
    """A right pixel's disparity leads to where the same layer has that disparity in the left view."""
    layers = LayeredScenes().compose(np.random.default_rng((seed, 0)), HEIGHT, WIDTH)
    left, right = paint(layers, HEIGHT, WIDTH)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    for number, layer in enumerate(layers):
        there = right.layer == number
        x0, y0, x1, _ = layer.box
        there &= (x + right.disparity >= x0) & (x + right.disparity <= x1 - 1)  # not the half pixel around it
        own = cv2.remap(
            layer.disparity,
            x + right.disparity - x0,
            y - y0,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        assert np.abs(own - right.disparity)[there].max(initial=0) < 0.05
        mine = left.layer == number
        part = layer.disparity[y[mine].astype(int) - y0, x[mine].astype(int) - x0]
        assert (left.disparity[mine] == part).all()


@pytest.mark.parametrize("seed", range(8))
def test_what_is_not_hidden_looks_the_same_in_the_right_view(seed: int) -> None:
    layers = LayeredScenes().compose(np.random.default_rng((seed, 0)), HEIGHT, WIDTH)
    left, right = paint(layers, HEIGHT, WIDTH)
    hidden = occlusion(left, right)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    warped = cv2.remap(right.picture, x - left.disparity, y, cv2.INTER_LINEAR)
    apart = np.abs(warped.astype(np.float32) - left.picture).mean(axis=2)
    assert np.median(apart[~hidden]) < 3
    shuffled = np.abs(np.roll(warped, 7, axis=1).astype(np.float32) - left.picture).mean(axis=2)
    assert apart[~hidden].mean() < 0.5 * shuffled[~hidden].mean()


@pytest.mark.parametrize("seed", range(20))
def test_hidden_pixels_are_those_before_which_something_nearer_stands(seed: int) -> None:
    """Compare with every layer asked in turn what it shows in the right column."""
    layers = LayeredScenes().compose(np.random.default_rng((seed, 0)), 24, 96)
    left, right = paint(layers, 24, 96)
    alone = [paint([layer], 24, 96)[1].disparity for layer in layers]
    hidden = occlusion(left, right)
    for row, place in np.ndindex(*hidden.shape):
        own = left.disparity[row, place]
        column = round(float(place - own))
        if not 0 <= column < 96:
            assert hidden[row, place]
            continue
        nearer = [shown[row, column] > own + 2 for shown in alone]
        behind = [shown[row, column] < own - 2 for shown in alone]
        if any(nearer):
            assert hidden[row, place]
        elif all(other or n == left.layer[row, place] for n, other in enumerate(behind)):
            there = alone[left.layer[row, place]][row, column] >= 0
            assert hidden[row, place] != there


def test_a_pair_depends_on_its_seed_alone() -> None:
    scenes = LayeredScenes()
    first = scenes.pair(7, HEIGHT, WIDTH)
    scenes.pair(8, HEIGHT, WIDTH)
    again, other = LayeredScenes().pair(7, HEIGHT, WIDTH), scenes.pair(8, HEIGHT, WIDTH)
    for name in ("left", "right", "disparity", "occluded"):
        assert (getattr(first, name) == getattr(again, name)).all()
        assert not (getattr(first, name) == getattr(other, name)).all()


def test_values_are_in_their_ranges() -> None:
    config = LayeredConfig(disparity_high=50.0)
    nearest = []
    for seed in range(30):
        pair = LayeredScenes(config).pair(seed, 64, 128)
        assert pair.left.shape == pair.right.shape == (64, 128, 3)
        assert pair.left.dtype == pair.right.dtype == np.uint8
        assert pair.disparity.dtype == np.float32
        assert pair.disparity.min() >= 0  # every pixel shows something
        nearest.append(pair.disparity.max())
    # things bulge towards the camera, by up to 0.3 of their disparity
    assert 4 < min(nearest) < 20
    assert 30 < max(nearest) < 1.45 * 0.36 * 128


def test_a_view_keeps_the_nearest() -> None:
    view = View(2, 2)
    assert (view.layer == -1).all()
    left, _ = paint([flat((0, 0, 9, 2), 5.0), flat((0, 0, 9, 2), 3.0, grey=200)], 2, 4)
    assert (left.layer == 0).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("thin", -0.1),
        ("thin", 0.95),
        ("disparity_low", 0.0),
        ("disparity_high", 5.0),
        ("disparity_share", 1.0),
        ("layers_low", -1),
        ("layers_high", 3),
        ("slope", 1.0),
        ("blur", -1.0),
        ("photographs", 1.5),
    ],
)
def test_settings_out_of_their_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"layered {name} is {value}; expected"):
        LayeredConfig(**{name: value})
