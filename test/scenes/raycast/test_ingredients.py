# SPDX-License-Identifier: Apache-2.0
"""Scenes with one ingredient at a time: labels stay exact, and nothing else changes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from foundation_stereo_ros.scenes.raycast.compose.world import Shape
from foundation_stereo_ros.scenes.raycast.config import COMPOSITIONS, SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import FILL, SceneGenerator, StereoBatch, compose, plan
from foundation_stereo_ros.scenes.raycast.render.view import render

PURE = SceneConfig(flaws=0.0, disparity_high=30.0).without()
ON_SURFACES = ("shadow_chance", "dots_chance", "wire_chance", "regular_chance", "fog_chance")
HEIGHT, WIDTH = 96, 128


def _only(name: str) -> SceneConfig:
    shares = {each: float(each == name) for each in COMPOSITIONS}
    return dataclasses.replace(PURE, **shares)


def _errors(batch: StereoBatch) -> tuple[float, float]:
    """Return how far the left view is from the right one, warped and as it is, where both see one surface."""
    height, width = batch.left.shape[2:]
    column = torch.arange(float(width)) - batch.disparity[:, 0]
    row = torch.arange(float(height))[:, None].expand_as(column)
    grid = torch.stack([column / (width - 1) * 2 - 1, row / (height - 1) * 2 - 1], dim=-1)
    warped = torch.nn.functional.grid_sample(batch.right, grid, mode="bicubic", align_corners=True)
    assert batch.occluded is not None
    jump = batch.disparity.diff(dim=3, prepend=batch.disparity[..., :1]).abs() > 0.3
    jump |= batch.disparity.diff(dim=2, prepend=batch.disparity[..., :1, :]).abs() > 0.3
    edge = torch.nn.functional.max_pool2d((jump | batch.occluded).float(), 5, 1, 2) > 0
    error = (warped - batch.left).abs().mean(1, keepdim=True)[~edge]
    plain = (batch.right - batch.left).abs().mean(1, keepdim=True)[~edge]
    return float(error.mean()), float(plain.mean())


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_the_right_view_warped_by_the_disparity_is_the_left_one(name: str) -> None:
    error, plain = _errors(SceneGenerator(_only(name)).generate(300, 4, HEIGHT, WIDTH))
    assert error < 3.0
    assert error < 0.4 * plain


@pytest.mark.parametrize("name", ON_SURFACES)
def test_what_lies_on_surfaces_is_the_same_in_both_views(name: str) -> None:
    config = dataclasses.replace(PURE, **{name: 1.0})
    error, plain = _errors(SceneGenerator(config).generate(500, 6, HEIGHT, WIDTH))
    assert error < 3.5
    assert error < 0.4 * plain


@pytest.mark.parametrize(
    "name", ["shadow_chance", "dots_chance", "regular_chance", "fog_chance", "bare_chance", "mirror_chance"]
)
def test_an_ingredient_changes_pictures_but_not_the_truth(name: str) -> None:
    off = SceneGenerator(PURE).generate(40, 6, 32, 64)
    on = SceneGenerator(dataclasses.replace(PURE, **{name: 1.0})).generate(40, 6, 32, 64)
    torch.testing.assert_close(on.disparity, off.disparity)
    assert torch.equal(on.camera, off.camera)
    assert float((on.left - off.left).abs().mean()) > 0.5


@pytest.mark.parametrize("name", ["wire_chance", "pane_chance"])
def test_wires_and_panes_are_added_and_leave_the_rest_alone(name: str) -> None:
    added = 0
    for seed in range(12):
        before, camera = compose(PURE, seed, 160, 288)
        after, same = compose(dataclasses.replace(PURE, **{name: 1.0}), seed, 160, 288)
        assert camera == same
        kept = len(before.primitives)
        for one, other in zip(before.primitives, after.primitives, strict=False):
            np.testing.assert_array_equal(one.center, other.center)
        added += len(after.primitives) - kept
    assert added > 20


def test_wires_are_thin() -> None:
    found = 0
    for seed in range(12):
        before, camera = compose(PURE, seed, 160, 288)
        after, _ = compose(dataclasses.replace(PURE, wire_chance=1.0), seed, 160, 288)
        for wire in after.primitives[len(before.primitives) :]:
            assert wire.shape == Shape.CYLINDER
            depth = float((after.view.T @ (wire.center - after.position))[2])
            assert 0.3 < 2.0 * wire.half[0] * camera[0] / depth < 10.0
            found += 1
    assert found > 20


def test_a_batch_at_once_is_its_scenes_one_by_one() -> None:
    rich = SceneConfig(shadow_chance=1.0, mirror_chance=0.3, pane_chance=0.3, dots_chance=0.4, fog_chance=0.4)
    scenes = plan(rich, range(60, 66), 32, 48).scenes
    assert 0 < len(scenes.bouncing) < 6
    assert scenes.fields
    together = render(scenes, 32, 48, occlusion=True, tiled=False)
    apart = render(scenes, 32, 48, occlusion=True, tiled=True)
    torch.testing.assert_close(together.disparity, apart.disparity, rtol=1e-4, atol=1e-4)
    assert together.occluded is not None
    assert apart.occluded is not None
    assert float((together.occluded != apart.occluded).float().mean()) < 0.002
    for name in ("left", "right"):
        difference = (getattr(together, name) - getattr(apart, name)).abs().amax(1)
        assert float((difference > 0.01).float().mean()) < 0.01, (
            name
        )  # a shadow's rim may fall to either side


def test_the_compositions_are_all_there() -> None:
    assert tuple(FILL) == COMPOSITIONS


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_every_composition_makes_unlike_pictures_with_some_range(name: str) -> None:
    batch = SceneGenerator(_only(name)).generate(7, 6, 64, 96, occlusion=False)
    assert float((batch.left[0] - batch.left[1]).abs().mean()) > 5.0
    assert float(batch.left.std(dim=(1, 2, 3)).median()) > 10.0
    near, far = (batch.disparity.flatten(1).quantile(q, dim=1) for q in (0.98, 0.02))
    assert float((near / far).median()) > 1.15
    if name in ("outdoor", "street"):
        assert float(batch.disparity.min()) < 0.5
