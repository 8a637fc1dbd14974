# SPDX-License-Identifier: Apache-2.0
"""The hybrid cost volume's parts: group-wise correlation, and features side by side.

FoundationStereo (arXiv 2501.09898), section 3.2; the correlation by groups is that of GwcNet
(arXiv 1903.04025), section 3.2, of features scaled to unit length. Every volume of this network has its
disparity axis last, and in memory its channels innermost: what belongs to one pixel lies together, for the
convolutions, the transformer and the lookup alike.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation_stereo_ros.nets.parts.precision import at_least_float32, full_precision

_SMALLEST_NORM = 1e-12


def groupwise_correlation(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], bins: int, groups: int
) -> Float[Tensor, "b groups h w bins"]:
    """Return the cosine similarity of each group of channels at every disparity; always in full precision.

    Bin i compares the left pixel at x with the right pixel at x - i; it is zero where that lies outside the
    image (x < i).
    """
    with full_precision(left):
        left = unit_vectors(at_least_float32(left).unflatten(1, (groups, -1)), dim=2)
        right = unit_vectors(at_least_float32(right).unflatten(1, (groups, -1)), dim=2)
        band = _band(left, right, bins)  # b groups h strips strip bins
        volume: Tensor = band.permute(0, 2, 3, 4, 5, 1).flatten(2, 3)[:, :, : left.shape[-1]]
        return volume.permute(0, 4, 1, 2, 3)


def shifted(right: Float[Tensor, "b c h w"], bins: int) -> Float[Tensor, "b c h w bins"]:
    """Return right[..., x - i] for i below ``bins``; zero where x < i."""
    return F.pad(right, (bins - 1, 0)).unfold(-1, bins, 1).flip(-1)


def all_pairs(left: Float[Tensor, "*b c h w"], right: Float[Tensor, "*b c h v"]) -> Float[Tensor, "*b h w v"]:
    """Return the scalar products of every left pixel with every right pixel of the same row."""
    return torch.matmul(left.movedim(-3, -1), right.movedim(-3, -2))


def unit_vectors(x: Tensor, dim: int) -> Tensor:
    """Divide by the Euclidean norm along an axis; zero vectors stay zero.

    (`torch.nn.functional.normalize` takes many times as long on a CPU along an axis that is not the last
    one.)
    """
    return x / x.square().sum(dim, keepdim=True).clamp(min=_SMALLEST_NORM**2).sqrt()


def _band(
    left: Float[Tensor, "*b c h w"], right: Float[Tensor, "*b c h w"], bins: int
) -> Float[Tensor, "*b h strips strip bins"]:
    """Return the scalar products of left[x] with right[x - i] for i below ``bins``, in strips of columns.

    Strips about as wide as the band is high waste little of a matrix product. Multiplied with the strip's
    window of the right row from right to left, pixel j of a strip finds its bin i in column strip - j + i:
    read with rows one shorter than they are, the product shows the bins side by side.
    """
    width = left.shape[-1]
    strip = -(-width // max(1, round(width / bins)))
    missing = -width % strip
    window = strip + bins
    pixels = F.pad(left, (0, missing)).unflatten(-1, (-1, strip)).movedim(-4, -1)
    windows = F.pad(right, (bins - 1, missing + 1)).unfold(-1, window, strip).flip(-1).movedim(-4, -2)
    products = torch.matmul(pixels, windows).flatten(-2)
    skewed = products[..., strip : strip * window].unflatten(-1, (strip, window - 1))
    band: Tensor = skewed[..., :bins]
    return band
