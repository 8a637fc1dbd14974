# SPDX-License-Identifier: Apache-2.0
"""MASt3R (arXiv 2406.09756): two views of a scene in, points of both in one frame and descriptors out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.nets.parts.precision import at_least_float32, full_precision
from foundation_stereo_ros.nets.views.config import PATCH, ViewsConfig
from foundation_stereo_ros.nets.views.head import ViewHead, ViewPrediction
from foundation_stereo_ros.nets.views.rotary import Rotation
from foundation_stereo_ros.nets.views.transformer import DecoderBlock, EncoderBlock, layer_norm

Size = tuple[int, int]
"""Height and width of an image."""


class PairPrediction(NamedTuple):
    """Both views of a pair, predicted in the frames of both.

    Attributes:
        view11: view 1 in the frame of view 1.
        view21: view 2 in the frame of view 1.
        view22: view 2 in the frame of view 2.
        view12: view 1 in the frame of view 2.
    """

    view11: ViewPrediction
    view21: ViewPrediction
    view22: ViewPrediction
    view12: ViewPrediction


class Mast3r(nn.Module):
    """An encoder for single views, and two decoders that look at each other's tokens.

    What a view is encoded to depends on this view alone, so `encode` needs to be called once for each,
    however many pairs it is in.

    Args:
        config: sizes.

    Attributes:
        config: the same.
    """

    def __init__(self, config: ViewsConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ViewsConfig()
        self.patches = nn.Conv2d(3, config.encoder_width, PATCH, stride=PATCH)
        self.encoder = nn.ModuleList(
            EncoderBlock(config.encoder_width, config.encoder_heads) for _ in range(config.encoder_depth)
        )
        self.encoder_norm = layer_norm(config.encoder_width)
        self.embed = nn.Linear(config.encoder_width, config.decoder_width)
        self.decoder1, self.decoder2 = (
            nn.ModuleList(
                DecoderBlock(config.decoder_width, config.decoder_heads) for _ in range(config.decoder_depth)
            )
            for _ in range(2)
        )
        self.decoder_norm = layer_norm(config.decoder_width)
        self.head1, self.head2 = ViewHead(config), ViewHead(config)

    def encode(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n width"]:
        """Return the tokens of images, row by row.

        Args:
            image: red, green, blue, 0 to 255; H and W multiples of 16, portrait or landscape.

        Raises:
            ImageError: another size.
        """
        if image.ndim != 4 or image.shape[1] != 3 or any(x % PATCH or not x for x in _size(image)):
            raise ImageError(
                f"images are {tuple(image.shape)}; expected (number, 3, height, width), height and width "
                f"multiples of {PATCH}"
            )
        x = self.patches(image / 127.5 - 1).flatten(2).transpose(1, 2)
        places = _places(_size(image), self.config.encoder_width // self.config.encoder_heads, x.device)
        for block in self.encoder:
            x = block(x, places)
        tokens: Tensor = self.encoder_norm(x)
        return tokens

    def decode(
        self,
        tokens1: Float[Tensor, "b n width"],
        size1: Size,
        tokens2: Float[Tensor, "b m width"],
        size2: Size,
    ) -> tuple[ViewPrediction, ViewPrediction]:
        """Predict pairs of views, both in the frame of the first one.

        The memory that this takes grows with the number of pairs; the heads compute in full precision.

        Args:
            tokens1: of `encode`, of the first views.
            size1: of their images.
            tokens2: of the second views.
            size2: of their images, which may be others.
        """
        first, second = self.embed(tokens1), self.embed(tokens2)
        channels = self.config.decoder_width // self.config.decoder_heads
        places1, places2 = (_places(size, channels, first.device) for size in (size1, size2))
        states1, states2 = [tokens1], [tokens2]
        for number, (block1, block2) in enumerate(zip(self.decoder1, self.decoder2, strict=True), start=1):
            # Both read what the other one was before this block.
            first, second = (
                block1(first, second, places1, places2),
                block2(second, first, places2, places1),
            )
            if number in self.config.taps[:-1]:
                states1.append(first)
                states2.append(second)
        states1.append(self.decoder_norm(first))
        states2.append(self.decoder_norm(second))
        with full_precision(first):
            return (
                self.head1([at_least_float32(x) for x in states1], size1),
                self.head2([at_least_float32(x) for x in states2], size2),
            )

    def forward(
        self, image1: Float[Tensor, "b 3 h1 w1"], image2: Float[Tensor, "b 3 h2 w2"]
    ) -> PairPrediction:
        """Encode two views (or batches of them) and decode them in both orders.

        Args:
            image1: as for `encode`.
            image2: the same; may be of another size.

        Raises:
            ImageError: sizes that the network does not take.
        """
        size1, size2 = _size(image1), _size(image2)
        if size1 == size2:
            tokens1, tokens2 = self.encode(torch.cat((image1, image2))).chunk(2)
        else:
            tokens1, tokens2 = self.encode(image1), self.encode(image2)
        view11, view21 = self.decode(tokens1, size1, tokens2, size2)
        view22, view12 = self.decode(tokens2, size2, tokens1, size1)
        return PairPrediction(view11, view21, view22, view12)


def _size(image: Tensor) -> Size:
    return image.shape[-2], image.shape[-1]


def _places(size: Size, channels: int, device: torch.device) -> Rotation:
    return Rotation.of_grid(size[0] // PATCH, size[1] // PATCH, channels, device)
