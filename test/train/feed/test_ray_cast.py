# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import Plan, SceneGenerator, StereoBatch
from foundation_stereo_ros.scenes.seeds import training_seeds
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.feed.ray_cast import ReplayFeed

SMALL: dict[str, Any] = {
    "batch": 3,
    "height": 32,
    "width": 64,
    "reuse": 2,
    "scenes": SceneConfig(flaws=0.0, clutter=0.1, room=0.0, outdoor=0.0, flying=1.0, tabletop=0.0),
}
AT_FIRST = 24  # pairs before the first batch
ROWS, COLUMNS = 32, 96  # of a rendered pair: 4 / 3 of a crop, to the next multiple of 32
FIELDS = ("left", "right", "disparity", "valid")


class RecordingGenerator(SceneGenerator):
    """Keeps every pair that it renders."""

    def __init__(self, config: SceneConfig) -> None:
        super().__init__(config)
        self.rendered: list[StereoBatch] = []

    def render(self, scenes: Plan, occlusion: bool = True) -> StereoBatch:
        self.rendered.append(super().render(scenes, occlusion))
        return self.rendered[-1]


@pytest.fixture
def feed() -> Callable[..., tuple[ReplayFeed, RecordingGenerator]]:
    """Return a function: settings -> a feed from step 0 (or ``first``), and what renders for it."""

    def build(first: int = 0, **settings: Any) -> tuple[ReplayFeed, RecordingGenerator]:
        config = TrainingConfig(**{**SMALL, **settings})
        generator = RecordingGenerator(config.scenes)
        return ReplayFeed(config, generator, first), generator

    return build


def test_batches_have_the_size_of_the_config(feed) -> None:
    replay, generator = feed()
    batch = replay.next()
    assert batch.left.shape == batch.right.shape == (3, 3, 32, 64)
    assert batch.disparity.shape == batch.valid.shape == (3, 1, 32, 64)
    assert batch.camera.shape == (3, 4)
    assert batch.valid.dtype == torch.bool
    assert batch.occluded is None
    assert generator.rendered[0].left.shape == (1, 3, ROWS, COLUMNS)


def _windows(pair: StereoBatch, name: str, flipped: bool) -> dict[tuple[int, int], Tensor]:
    whole = getattr(pair, name)[0]
    height, width = whole.shape[-2] - 32, whole.shape[-1] - 64
    places = [(y, x) for y in range(height + 1) for x in range(width + 1)]
    cuts = {(y, x): whole[:, y : y + 32, x : x + 64] for y, x in places}
    return {place: cut.flip(-2) if flipped else cut for place, cut in cuts.items()}


def _origin(batch: StereoBatch, index: int, pairs: list[StereoBatch]) -> tuple[StereoBatch, bool, int, int]:
    """Return where the left crop is cut from: the pair, whether upside down, row and column."""
    for pair in pairs:
        for flipped in (False, True):
            for (y, x), cut in _windows(pair, "left", flipped).items():
                if torch.equal(cut, batch.left[index]):
                    return pair, flipped, y, x
    raise LookupError(f"crop {index} is from no rendered pair")


def test_every_crop_is_one_window_of_one_rendered_pair_upright_or_upside_down(feed) -> None:
    replay, generator = feed()
    ways = set()
    for _ in range(4):
        batch = replay.next()
        for index in range(3):
            pair, flipped, y, x = _origin(batch, index, generator.rendered)
            for name in FIELDS:
                expected = _windows(pair, name, flipped)[y, x]
                assert torch.equal(getattr(batch, name)[index], expected), name
            assert torch.equal(batch.camera[index], pair.camera[0])
            ways.add((flipped, x))
    assert {flipped for flipped, _ in ways} == {False, True}
    assert len({x for _, x in ways}) > 3


def test_the_right_view_moved_by_the_disparity_is_the_left_view(feed) -> None:
    replay, _ = feed(batch=8)
    batch = replay.next()
    column = torch.arange(64.0) - batch.disparity
    row = torch.arange(32.0)[:, None].expand_as(batch.disparity)
    grid = torch.stack((column / 63, row / 31), dim=-1)[:, 0] * 2 - 1
    moved = torch.nn.functional.grid_sample(batch.right, grid, align_corners=True)
    seen = (batch.valid & (column >= 0)).expand_as(moved)
    residual = float((moved - batch.left)[seen].abs().median())
    unmoved = float((batch.right - batch.left)[seen].abs().median())
    assert residual < 0.5 * unmoved


@pytest.mark.parametrize(("batch", "reuse", "steps"), [(3, 2, 4), (2, 5, 6)])
def test_a_pair_is_rendered_for_every_reuse_crops(feed, batch: int, reuse: int, steps: int) -> None:
    replay, generator = feed(batch=batch, reuse=reuse)
    for _ in range(steps):
        replay.next()
    assert len(generator.rendered) == AT_FIRST + steps * batch // reuse


def test_the_same_seed_gives_the_same_batches_and_another_seed_others(feed) -> None:
    first, again, other = (feed(seed=seed)[0].next() for seed in (3, 3, 4))
    for name in (*FIELDS, "camera"):
        assert torch.equal(getattr(first, name), getattr(again, name)), name
    assert not torch.equal(first.left, other.left)


def test_going_on_starts_with_pairs_after_those_of_the_steps_before(feed) -> None:
    replay, generator = feed(first=8)
    replay.next()
    # 8 steps of 3 crops, each pair for 2 of them: the first new pair is number 12
    expected = SceneGenerator(SMALL["scenes"]).generate(training_seeds(0, 12, 1), 1, ROWS, COLUMNS)
    assert torch.equal(generator.rendered[0].left, expected.left)


@pytest.mark.parametrize("reuse", [0, -1])
def test_reuse_is_once_or_more(reuse: int) -> None:
    with pytest.raises(ConfigError, match=rf"reuse is {reuse}; expected 1 or more"):
        TrainingConfig(reuse=reuse)


def test_pairs_rendered_by_another_process_are_the_same(feed) -> None:
    here, there = (
        feed()[0],
        ReplayFeed(TrainingConfig(**{**SMALL, "workers": 1}), SceneGenerator(SMALL["scenes"]), 0),
    )
    for _ in range(2):
        for name in FIELDS:
            torch.testing.assert_close(getattr(here.next(), name), getattr(there.next(), name))
