# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.memory_plan import MemoryPlan, plan_for
from foundation_stereo_ros.estimate.pair_memory import PairMemory

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
