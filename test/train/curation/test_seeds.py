# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, plan
from foundation_stereo_ros.scenes.seeds import training_seeds
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.curation.keep_list import KeepListWriter, Recipe, Score
from foundation_stereo_ros.train.curation.seeds import KeptSeeds, seed_source
from foundation_stereo_ros.train.distributed import ALONE
from foundation_stereo_ros.train.feed.ray_cast import PlannedSteps, RenderedPairs

SCENES = SceneConfig(clutter=0.1, flaws=0.0)
KEPT = [5, 1 << 39, 77, 12, 0]


@pytest.fixture
def keeping(tmp_path: Path) -> Callable[..., TrainingConfig]:
    """Return a function: what each seed's line says -> a run with that keep-list."""

    def build(lines: list[tuple[int, bool]], **settings: Any) -> TrainingConfig:
        path = tmp_path / "keep.jsonl"
        with KeepListWriter(path, Recipe(SCENES, 32, 64, "run 0", "", 1, 60.0)) as writer:
            for seed, kept in lines:
                writer.append(Score(seed, 1.0, 1.0, kept, "room", ()))
        given = {"batch": 2, "height": 32, "width": 64, "scenes": SCENES, "keep": str(path)}
        return TrainingConfig(**{**given, **settings})

    return build


@pytest.fixture
def config(keeping: Callable[..., TrainingConfig]) -> TrainingConfig:
    return keeping([(3, False), *((seed, True) for seed in KEPT), (4, False)])


@settings(deadline=None)
@given(
    seeds=st.lists(st.integers(0, 1 << 40), min_size=1, max_size=12, unique=True),
    run=st.integers(-5, 1 << 63),
    batch=st.integers(1, 5),
)
def test_every_epoch_has_every_seed_once(seeds: list[int], run: int, batch: int) -> None:
    source, epochs = KeptSeeds(seeds, run), 3
    steps = -(-epochs * len(seeds) // batch)
    taken = [seed for step in range(steps) for seed in source(step, batch)]
    for epoch in range(epochs):
        assert sorted(taken[epoch * len(seeds) :][: len(seeds)]) == sorted(seeds)
    again = KeptSeeds(seeds, run)
    steps_backwards = [again(step, batch) for step in reversed(range(steps))]
    assert [seed for step in reversed(steps_backwards) for seed in step] == taken


def test_epochs_and_runs_have_orders_of_their_own() -> None:
    seeds = list(range(30))
    orders = {tuple(KeptSeeds(seeds, run)(epoch, 30)) for run in (0, 1) for epoch in (0, 1, 2)}
    assert len(orders) == 6
    assert tuple(seeds) not in orders


def test_without_a_list_seeds_are_fresh() -> None:
    source = seed_source(TrainingConfig(seed=9), 32, 64)
    assert source(4, 3) == training_seeds(9, 4, 3)


def test_steps_have_the_scenes_that_are_kept(config: TrainingConfig) -> None:
    steps = PlannedSteps(config, 0, ALONE)
    source = KeptSeeds(KEPT, config.seed)
    for step in (0, 7):
        expected = plan(SCENES, source(step, 2), 32, 64)
        found = steps[step]
        assert found is not None
        assert found.sensors.seeds == expected.sensors.seeds
        assert torch.equal(found.scenes.surfaces, expected.scenes.surfaces)
    assert {seed for step in range(5) for seed in source(step, 2)} == set(KEPT)


def test_rendered_pairs_are_those_that_are_kept(config: TrainingConfig) -> None:
    generator = SceneGenerator(SCENES)
    pairs = RenderedPairs(config, generator, 2, (32, 64), ALONE)
    seed = KeptSeeds(KEPT, config.seed)(3, 1)
    assert torch.equal(pairs[1].left, generator.generate(seed, 1, 32, 64, occlusion=False).left)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"scenes": dataclasses.replace(SCENES, clutter=0.2)}, r"scenes\.clutter is 0\.1, not 0\.2 as in"),
        ({"height": 64}, "height is 32, not 64 as in this run"),
    ],
)
def test_a_list_for_other_scenes_is_refused(
    keeping: Callable[..., TrainingConfig], settings: dict[str, Any], complaint: str
) -> None:
    config = keeping([(3, True)], **settings)
    with pytest.raises(ConfigError, match=rf"keep\.jsonl was made for other scenes: its {complaint}"):
        seed_source(config, config.height, config.width)


def test_a_list_that_keeps_nothing_is_refused(keeping: Callable[..., TrainingConfig]) -> None:
    with pytest.raises(ConfigError, match=r"keep\.jsonl keeps none of 1 seeds; expected some"):
        seed_source(keeping([(3, False)]), 32, 64)


def test_a_missing_list_is_one_error() -> None:
    with pytest.raises(FileFormatError, match=r"cannot read nowhere\.jsonl: No such file"):
        seed_source(TrainingConfig(keep="nowhere.jsonl"), 32, 64)
    with pytest.raises(ConfigError, match="keep is 3; expected the path of a keep-list"):
        TrainingConfig(keep=3)  # type: ignore[arg-type]
