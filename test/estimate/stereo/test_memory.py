# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.stereo.memory import MemoryPlan, PairMemory, memory_of, plan_for
from foundation_stereo_ros.nets.stereo import NetworkConfig, network_preset


@given(st.floats(0, 1e9), st.floats(1, 1e5), st.floats(0, 1e12))
def test_what_is_said_to_fit_does(fixed: float, per_pixel: float, size: float) -> None:
    memory = PairMemory(fixed, per_pixel)
    pixels = memory.pixels_within(size)
    assert pixels == 0 or memory.bytes_for(pixels) <= size * (1 + 1e-9)
    assert memory.bytes_for(pixels + 1) > size * (1 - 1e-9)


def test_a_greater_range_takes_more_a_smaller_one_is_not_counted_on() -> None:
    usual, near, far = (
        memory_of(NetworkConfig.preset("tiny", max_disp=pixels), torch.float32) for pixels in (128, 64, 256)
    )
    assert usual is not None and far is not None
    assert near == usual and far.per_pixel == 2 * usual.per_pixel


def test_a_lean_network_is_known_by_its_kind() -> None:
    lean = network_preset("lean")
    found = memory_of(lean, torch.float32)
    assert found is not None
    assert found != memory_of(network_preset("tiny"), torch.float32)
    assert memory_of(network_preset("lean", max_disp=128), torch.float32) == found


def test_what_was_not_measured_is_not_guessed() -> None:
    assert memory_of(NetworkConfig.preset("tiny"), torch.float64) is None
    assert memory_of(NetworkConfig.preset("base"), torch.float32) is None


def test_float16_is_taken_for_bfloat16() -> None:
    tiny = NetworkConfig.preset("tiny")
    assert memory_of(tiny, torch.float16) == memory_of(tiny, torch.bfloat16) != memory_of(tiny, torch.float32)


MEMORY = PairMemory(fixed=10 * 2**20, per_pixel=1024.0)


def test_what_fits_is_left_alone() -> None:
    assert plan_for((640, 480), 310, MEMORY, 128) == MemoryPlan((640, 480))


def test_what_does_not_is_computed_in_tiles_and_that_is_said() -> None:
    plan = plan_for((640, 480), 150, MEMORY, 128)
    assert plan.size == (640, 480) and plan.tiling is not None
    assert plan.sentence == (
        "640 x 480 pixels take about 310 MiB, and memory_budget is 150: computed in 3 tiles of 640 x 224"
    )


def test_where_tiles_would_be_too_small_the_images_are_shrunk() -> None:
    plan = plan_for((640, 480), 30, MEMORY, 128)
    assert plan.tiling is None and plan.size == (160, 120)
    assert plan.sentence.endswith("and memory_budget is 30, too little for tiles: shrunk to 160 x 120")


def test_a_budget_for_nothing_is_refused_with_the_least_one() -> None:
    with pytest.raises(ConfigError, match="memory_budget is 12 MiB; expected 14 or more for this network"):
        plan_for((640, 480), 12, MEMORY, 128)


@settings(deadline=None)
@given(st.integers(32, 2000), st.integers(32, 2000), st.integers(14, 2000))
def test_what_is_planned_fits(width: int, height: int, budget: int) -> None:
    plan = plan_for((width, height), budget, MEMORY, 64)
    sides = plan.tiling.size if plan.tiling else plan.size
    padded = [-(-side // 32) * 32 for side in sides]
    assert MEMORY.bytes_for(padded[0] * padded[1]) <= budget * 2**20
    assert bool(plan.sentence) == (plan != MemoryPlan((width, height)))
