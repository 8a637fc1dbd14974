# SPDX-License-Identifier: Apache-2.0
"""How a pair is computed within a memory budget: whole, in tiles, or smaller."""

from __future__ import annotations

import math
from typing import NamedTuple

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.grid import Size, padded, scaled_size
from foundation_stereo_ros.estimate.pair_memory import PairMemory
from foundation_stereo_ros.estimate.tiling import Tiling, tiling_for

_SMALLEST = 64
"""Pixels of a side: pictures that are smaller than this show nothing."""


class MemoryPlan(NamedTuple):
    """What is done with a pair.

    Attributes:
        size: width and height that the network sees; smaller than the images where no tile would fit.
        tiling: of that size; None: all at once.
        sentence: for people; empty where nothing is done.
    """

    size: Size
    tiling: Tiling | None = None
    sentence: str = ""


def plan_for(size: Size, budget_mib: int, memory: PairMemory, max_disp: int) -> MemoryPlan:
    """Decide for images of a size.

    Args:
        size: width and height.
        budget_mib: what a pair may take.
        memory: what the network takes.
        max_disp: its largest disparity, pixels.

    Raises:
        ConfigError: the budget is too small for anything.
    """
    pixels = memory.pixels_within(budget_mib * 2**20)
    if _area(size) <= pixels:
        return MemoryPlan(size)
    least = memory.bytes_for(_SMALLEST**2) / 2**20
    if budget_mib < least:
        raise ConfigError(
            f"memory_budget is {budget_mib} MiB; expected {math.ceil(least)} or more for this network"
        )
    takes = f"{size[0]} x {size[1]} pixels take about {memory.bytes_for(_area(size)) / 2**20:.0f} MiB"
    why = f"{takes}, and memory_budget is {budget_mib}"
    tiling = tiling_for(size, pixels, max_disp)
    if tiling is not None:
        width, height = tiling.size
        return MemoryPlan(size, tiling, f"{why}: computed in {tiling.count} tiles of {width} x {height}")
    small = _shrunk(size, pixels)
    return MemoryPlan(small, None, f"{why}, too little for tiles: shrunk to {small[0]} x {small[1]}")


def _shrunk(size: Size, pixels: int) -> Size:
    scale = math.sqrt(pixels / _area(size))
    while _area(small := scaled_size(size, scale)) > pixels:
        scale *= 0.99
    return small


def _area(size: Size) -> int:
    """Pixels after padding."""
    return padded(size[0]) * padded(size[1])
