# SPDX-License-Identifier: Apache-2.0
"""What a pair takes of the memory, and how it stays within a budget."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from foundation_stereo_ros.errors import ConfigError, counted
from foundation_stereo_ros.estimate.grid import Size, padded, scaled_size
from foundation_stereo_ros.estimate.stereo.tiling import Tiling, tiling_for
from foundation_stereo_ros.nets.stereo import LeanConfig, StereoConfig, network_preset


class PairMemory(NamedTuple):
    """Bytes beyond those of the loaded network, at the peak of one pair: ``fixed`` + pixels x ``per_pixel``.

    Pixels are those of the padded left image.
    """

    fixed: float
    per_pixel: float

    def bytes_for(self, pixels: int) -> float:
        """Return what so many pixels take."""
        return self.fixed + pixels * self.per_pixel

    def pixels_within(self, size: float) -> int:
        """Return how many pixels fit into so many bytes; 0 or more."""
        return max(0, int((size - self.fixed) / self.per_pixel))


# At the presets' largest disparities: python benchmarks/pair_memory.py lean tiny small large, on a CPU.
_MEASURED: dict[tuple[str, torch.dtype], PairMemory] = {
    ("lean", torch.float32): PairMemory(93 * 2**20, 541),
    ("lean", torch.bfloat16): PairMemory(268 * 2**20, 705),
    ("tiny", torch.float32): PairMemory(25 * 2**20, 645),
    ("tiny", torch.bfloat16): PairMemory(47 * 2**20, 1169),
    ("small", torch.float32): PairMemory(378 * 2**20, 2363),
    ("large", torch.float32): PairMemory(385 * 2**20, 3356),
}
_PRESETS = {None: "tiny", "vits": "small", "vitb": "base", "vitl": "large"}


def memory_of(network: StereoConfig, dtype: torch.dtype) -> PairMemory | None:
    """Return what a network takes in an arithmetic; None where that was not measured.

    A smaller ``max_disp`` than the preset's takes less than is said here; a greater one counts in full.

    Args:
        network: taken for the preset of its kind, with the same monocular branch.
        dtype: of its convolutions; float16, which only GPUs use, is taken for bfloat16.
    """
    preset = "lean" if isinstance(network, LeanConfig) else _PRESETS[network.monocular]
    measured = _MEASURED.get((preset, torch.bfloat16 if dtype == torch.float16 else dtype))
    if measured is None:
        return None
    share = network.max_disp / network_preset(preset).max_disp
    return PairMemory(measured.fixed, measured.per_pixel * max(1.0, share))


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
        return MemoryPlan(
            size, tiling, f"{why}: computed in {counted(tiling.count, 'tile')} of {width} x {height}"
        )
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
