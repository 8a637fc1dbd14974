# SPDX-License-Identifier: Apache-2.0
"""How much memory a network takes for a pair, from measurements (docs/performance.md, "Memory")."""

from __future__ import annotations

from typing import NamedTuple

import torch

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
