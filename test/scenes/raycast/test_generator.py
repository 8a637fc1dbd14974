# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, plan
from foundation_stereo_ros.scenes.seeds import DEMONSTRATION, VALIDATION, step_seed, training_seeds


def test_a_pair_depends_on_its_seed_alone() -> None:
    generator = SceneGenerator()
    together = generator.generate(40, 3, 32, 64)
    apart = generator.generate([42, 7], height=32, width=64)
    torch.testing.assert_close(apart.disparity[0], together.disparity[2], rtol=1e-5, atol=1e-4)
    # a grey level may round the other way
    for name in ("left", "right"):
        assert float((getattr(apart, name)[0] - getattr(together, name)[2]).abs().max()) <= 1.0
    assert float((together.left[0] - together.left[1]).abs().mean()) > 5.0


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**40 - 1))
def test_every_seed_gives_a_usable_pair(seed: int) -> None:
    batch = SceneGenerator().generate(seed, 1, 32, 64)
    for picture in (batch.left, batch.right):
        assert bool(((picture >= 0) & (picture <= 255)).all())
        assert float(picture.mean()) > 2.0
    assert bool(batch.disparity.isfinite().all())
    assert float(batch.disparity.min()) > 0.0
    assert float(batch.valid.float().mean()) > 0.9


def test_disparities_cover_the_range() -> None:
    largest, smallest = [], []
    for seed in range(30):
        disparity = SceneGenerator().generate(seed, 1, 32, 448, occlusion=False).disparity
        largest.append(float(disparity.quantile(0.99)))
        smallest.append(float(disparity.quantile(0.01)))
    assert max(largest) > 100.0
    assert np.median(largest) < 70.0
    assert min(smallest) < 1.0


def test_perfect_cameras_have_no_noise_and_equal_gains() -> None:
    flawless = SceneConfig(flaws=0.0)
    sensors = plan(flawless, [1, 2], 32, 64).sensors
    assert float(sensors.noise.abs().max()) == 0.0
    torch.testing.assert_close(sensors.numbers[:, 0], sensors.numbers[:, 1])
    flawed = plan(SceneConfig(), [1, 2], 32, 64).sensors
    assert float((flawed.numbers[:, 0] - flawed.numbers[:, 1]).abs().max()) > 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"room": -1.0},
        {"disparity_low": 0.0},
        {"focal_low": 3.0},
        {"flaws": -0.1},
        {"disparity_share": 1.5},
        {"fog_chance": 1.1},
        {"jpeg_low": 99.0},
        {"jpeg_high": 101.0},
        {"misalignment": -1.0},
    ],
)
def test_impossible_ranges_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        SceneConfig(**wrong)


def test_seed_ranges_do_not_meet() -> None:
    seeds = [seed for step in range(50) for seed in training_seeds(3, step, 8)]
    assert len(set(seeds)) == len(seeds)
    assert max(seeds) < VALIDATION < DEMONSTRATION
    assert training_seeds(3, 7, 4) == training_seeds(3, 7, 8)[:4]
    assert training_seeds(3, 7, 4) != training_seeds(4, 7, 4)
    assert step_seed(3, 7) != step_seed(3, 8)


def test_a_right_camera_behind_a_wall_teaches_nothing() -> None:
    config = SceneConfig(disparity_low=6.0, disparity_high=120.0, disparity_share=0.35)
    pair = SceneGenerator(config).generate(24955018617, 1, 56, 96)  # found by a training run
    assert not bool(pair.valid.any())
    assert bool(
        pair.right.isfinite().all() and pair.left.isfinite().all() and pair.disparity.isfinite().all()
    )
