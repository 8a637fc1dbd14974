# SPDX-License-Identifier: Apache-2.0
"""The hybrid cost volume: group-wise correlation beside concatenated features.

Paper section 3.2; specification section 11.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation_stereo_ros.network.precision import at_least_float32, full_precision


def hybrid_cost_volume(
    left: Float[Tensor, "b c h w"],
    right: Float[Tensor, "b c h w"],
    left_projection: Float[Tensor, "b p h w"],
    right_projection: Float[Tensor, "b p h w"],
    bins: int,
    groups: int,
) -> Float[Tensor, "b groups+2*p bins h w"]:
    """Return correlations, then the left projection, then the right one, for disparities 0 to ``bins - 1``.

    Bin i compares the left pixel at x with the right pixel at x - i; where that lies outside the image
    (x < i), the correlations and the right projection are zero, and the left projection stands all the same.
    """
    correlation = groupwise_correlation(left, right, bins, groups).to(left.dtype)
    repeated = left_projection.unsqueeze(2).expand(-1, -1, bins, -1, -1)
    volume = torch.cat((correlation, repeated, shifted(right_projection, bins)), dim=1)
    return volume.contiguous(memory_format=torch.channels_last_3d)  # the faster layout for what convolves it


def groupwise_correlation(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], bins: int, groups: int
) -> Float[Tensor, "b groups bins h w"]:
    """Return the cosine similarity of each group of channels at every disparity; always in full precision."""
    with full_precision(left):
        left = F.normalize(at_least_float32(left).unflatten(1, (groups, -1)), dim=2)
        right = F.normalize(at_least_float32(right).unflatten(1, (groups, -1)), dim=2)
        return _diagonals(all_pairs(left, right), bins).permute(0, 1, 4, 2, 3)


def all_pairs(left: Float[Tensor, "*b c h w"], right: Float[Tensor, "*b c h v"]) -> Float[Tensor, "*b h w v"]:
    """Return the scalar products of every left pixel with every right pixel of the same row."""
    return torch.matmul(left.movedim(-3, -1), right.movedim(-3, -2))


def _diagonals(pairs: Float[Tensor, "*b h w w"], bins: int) -> Float[Tensor, "*b h w bins"]:
    """Return pairs[..., x, x - i] for i below ``bins``; zero where x < i.

    Read with rows one longer than they are, a matrix shows each of its rows shifted by one more.
    """
    width = pairs.shape[-1]
    row = width + bins - 1
    flat = F.pad(pairs, (bins - 1, 0)).flatten(-2)
    skewed = F.pad(flat, (0, width)).unflatten(-1, (width, row + 1))
    diagonals: Tensor = skewed[..., :bins].flip(-1)
    return diagonals


def shifted(right: Float[Tensor, "b c h w"], bins: int) -> Float[Tensor, "b c bins h w"]:
    """Return right[..., x - i] for i below ``bins``; zero where x < i."""
    windows = F.pad(right, (bins - 1, 0)).unfold(-1, bins, 1)
    return windows.flip(-1).permute(0, 1, 4, 2, 3)
