# SPDX-License-Identifier: Apache-2.0
"""The hybrid cost volume, disparity by disparity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from plain_layers import Weights, conv2d, single
from torch import Tensor


def cost_volume(w: Weights, left: Tensor, right: Tensor, bins: int, groups: int) -> Tensor:
    """Return B x (groups + 2 p) x bins x h x w of B x C x h x w features: correlations, left, right.

    Args:
        w: of the projection.
        left, right: features at 1/4.
        bins: disparities from 0.
        groups: of channels that are correlated on their own.
    """
    with torch.autocast(left.device.type, enabled=False):
        correlation = _correlations(single(left), single(right), bins, groups)
    projected_left, projected_right = conv2d(w, left), conv2d(w, right)
    batch, channels, height, width = projected_left.shape
    joined = projected_left.new_zeros(batch, 2 * channels, bins, height, width)
    for i in range(bins):
        joined[:, :channels, i] = projected_left
        if i < width:
            joined[:, channels:, i, :, i:] = projected_right[..., : width - i]
    return torch.cat((correlation.to(left.dtype), joined.to(left.dtype)), dim=1)


def _correlations(left: Tensor, right: Tensor, bins: int, groups: int) -> Tensor:
    batch, _, height, width = left.shape
    left = F.normalize(left.unflatten(1, (groups, -1)), dim=2)
    right = F.normalize(right.unflatten(1, (groups, -1)), dim=2)
    volume = left.new_zeros(batch, groups, bins, height, width)
    for i in range(min(bins, width)):
        volume[:, :, i, :, i:] = (left[..., i:] * right[..., : width - i]).sum(dim=2)
    return volume
