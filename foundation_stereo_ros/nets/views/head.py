# SPDX-License-Identifier: Apache-2.0
"""The head of a decoder: tokens to points, descriptors, and how sure the network is of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks import conv3x3
from foundation_stereo_ros.nets.parts.dpt import DptHead
from foundation_stereo_ros.nets.views.config import PATCH, ViewsConfig
from foundation_stereo_ros.nets.views.transformer import Mlp

_LEAST_NORM = 1e-8  # of a raw point, when it is divided by it


class ViewPrediction(NamedTuple):
    """What the network says of every pixel of one view.

    Attributes:
        points: metres, in the optical frame of the first view of the pair.
        confidence: in the points; at least 1.
        descriptors: of length 1; the same spot has similar ones in both views.
        descriptor_confidence: at least 0.
    """

    points: Float[Tensor, "b h w 3"]
    confidence: Float[Tensor, "b h w"]
    descriptors: Float[Tensor, "b h w d"]
    descriptor_confidence: Float[Tensor, "b h w"]


def points_of(raw: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """Return points from raw ones: the same direction, the distance e^norm - 1."""
    norm = raw.norm(dim=-1, keepdim=True)
    points: Tensor = raw / norm.clamp(min=_LEAST_NORM) * norm.expm1()
    return points


def confidence_of(raw: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """Return the confidence in points from raw numbers: 1 + e^raw."""
    return 1 + raw.exp()


class ViewHead(nn.Module):
    """Tokens of the encoder and of some decoder blocks to a prediction for every pixel."""

    def __init__(self, config: ViewsConfig) -> None:
        super().__init__()
        encoder, decoder = config.encoder_width, config.decoder_width
        self.dpt = DptHead((encoder, decoder, decoder, decoder), config.features, config.stage_widths)
        half = config.features // 2
        self.points = nn.Sequential(conv3x3(half, half), nn.ReLU(), nn.Conv2d(half, 4, 1))
        width = encoder + decoder
        self.local = Mlp(width, 4 * width, PATCH**2 * (config.descriptor_width + 1))

    def forward(self, tokens: Sequence[Float[Tensor, "b n width"]], size: tuple[int, int]) -> ViewPrediction:
        """Predict a view.

        Args:
            tokens: of the encoder, and of the three decoder blocks of `ViewsConfig.taps`.
            size: height and width of the image.
        """
        grid = (size[0] // PATCH, size[1] // PATCH)
        maps = [x.transpose(1, 2).unflatten(2, grid) for x in tokens]
        raw = self.points(self.dpt(maps, size)).movedim(1, -1)
        local = self.local(torch.cat((tokens[0], tokens[-1]), dim=-1))
        features = F.pixel_shuffle(local.transpose(1, 2).unflatten(2, grid), PATCH).movedim(1, -1)
        descriptors = features[..., :-1]
        return ViewPrediction(
            points=points_of(raw[..., :3]),
            confidence=confidence_of(raw[..., 3]),
            descriptors=descriptors / descriptors.norm(dim=-1, keepdim=True),
            descriptor_confidence=features[..., -1].exp(),
        )
