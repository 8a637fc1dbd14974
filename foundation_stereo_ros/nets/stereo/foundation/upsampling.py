# SPDX-License-Identifier: Apache-2.0
"""Convex upsampling of the disparity to the image's size, as in RAFT (arXiv 2003.12039)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks import conv3x3
from foundation_stereo_ros.nets.parts.precision import at_least_float32, full_precision


class ImageStem(nn.Module):
    """The left image at half its size: the fine detail that the upsampling weights need."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv3x3(3, width, stride=2, bias=False),
            nn.InstanceNorm2d(width),
            nn.LeakyReLU(),
            conv3x3(width, width, bias=False),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
        )

    def forward(self, left: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h/2 w/2"]:
        out: Tensor = self.layers(left)
        return out


class ConvexUpsampling(nn.Module):
    """Every full-resolution pixel as a weighted mean of its 3 x 3 nearest coarse neighbours.

    Neighbours outside the map count as zeros.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Sequential(
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1, bias=False), nn.LeakyReLU()
        )
        self.join = nn.Sequential(conv3x3(2 * width, 2 * width, bias=False), nn.LeakyReLU())
        self.weights = nn.ConvTranspose2d(2 * width, 9, 4, stride=2, padding=1)

    def forward(
        self,
        disparity: Float[Tensor, "b 1 h/4 w/4"],
        mask_features: Float[Tensor, "b c h/4 w/4"],
        stem: Float[Tensor, "b c h/2 w/2"],
    ) -> Float[Tensor, "b 1 h w"]:
        """Take a disparity in quarter pixels and return it in pixels, in full precision."""
        up = self.up(at_least_float32(mask_features))
        weights = self.weights(self.join(torch.cat((up, at_least_float32(stem).to(up.dtype)), dim=1)))
        with full_precision(disparity):
            weights = F.softmax(at_least_float32(weights), dim=1)
            disparity = 4 * at_least_float32(disparity)
            neighbours = F.unfold(disparity, 3, padding=1).unflatten(2, disparity.shape[-2:])
            neighbours = F.interpolate(neighbours, scale_factor=4, mode="nearest")
            return (weights * neighbours).sum(dim=1, keepdim=True)
