# SPDX-License-Identifier: Apache-2.0
"""Changes to rendered pairs that cameras, mountings and dirt make (RAFT-Stereo's set, in batches on the
device).

Scale and stretch are left to the scenes, whose cameras already differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.errors import check_fields


@dataclass(frozen=True)
class AugmentationConfig:
    """Strengths and chances.

    Attributes:
        brightness, contrast: factors within 1 minus and plus this.
        saturation: lowest and highest factor.
        unlike: chance that the views change independently, not alike.
        eraser: chance that one or two rectangles of the right view are filled with its mean colour.
        eraser_low, eraser_high: sides of the rectangles, shares of the width.
        shift: the right view moves up or down by up to this many pixels: cameras are never quite rectified.
        shift_chance: how often it does.
    """

    brightness: float = 0.3
    contrast: float = 0.3
    saturation: tuple[float, float] = (0.2, 1.4)
    unlike: float = 0.2
    eraser: float = 0.4
    eraser_low: float = 0.07
    eraser_high: float = 0.2
    shift: float = 0.8
    shift_chance: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "saturation", tuple(self.saturation))
        shares = ["unlike", "eraser", "shift_chance", "brightness", "contrast", "eraser_low", "eraser_high"]
        check_fields(
            "augmentation",
            self,
            (
                *((name, 0 <= getattr(self, name) <= 1, "0 to 1") for name in shares),
                ("shift", 0 <= self.shift < inf, "a number of pixels, 0 or more"),
                (
                    "saturation",
                    len(self.saturation) == 2 and 0 <= self.saturation[0] <= self.saturation[1] < inf,
                    "a lowest and a highest factor",
                ),
            ),
        )


@torch.no_grad()
def augment(left: Tensor, right: Tensor, config: AugmentationConfig, seed: int) -> tuple[Tensor, Tensor]:
    """Change a batch of pairs; the disparity stays what it was.

    Args:
        left, right: B x 3 x H x W, 0 to 255.
        config: what to change.
        seed: decides everything.
    """
    generator = torch.Generator(device="cpu").manual_seed(seed)
    left, right = _jitter(left, right, config, generator)
    return left, _erase(_shift(right, config, generator), config, generator)


def _uniform(
    generator: torch.Generator, shape: tuple[int, ...], low: float, high: float, like: Tensor
) -> Tensor:
    return (torch.rand(shape, generator=generator) * (high - low) + low).to(like.device, non_blocking=True)


def _jitter(
    left: Tensor, right: Tensor, config: AugmentationConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    both = torch.stack([left, right], dim=1)
    batch = len(left)
    alike = _uniform(generator, (batch, 1, 1), 0.0, 1.0, left) >= config.unlike

    def factor(low: float, high: float) -> Tensor:
        values = _uniform(generator, (batch, 2, 1), low, high, left)
        return torch.where(alike, values[:, :1], values)[..., None, None]

    saturation = factor(*config.saturation)
    contrast = factor(1.0 - config.contrast, 1.0 + config.contrast)
    brightness = factor(1.0 - config.brightness, 1.0 + config.brightness)
    grey = both.mean(2, keepdim=True)
    both = grey + saturation * (both - grey)
    mean = grey.mean(dim=(3, 4), keepdim=True)
    both = ((mean + contrast * (both - mean)) * brightness).clamp(0.0, 255.0)
    return both[:, 0], both[:, 1]


def _shift(right: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Move each picture vertically by a part of a pixel, linearly interpolated."""
    if config.shift == 0:
        return right
    batch = len(right)
    amount = _uniform(generator, (batch, 1, 1, 1), -config.shift, config.shift, right)
    moved = _uniform(generator, (batch, 1, 1, 1), 0.0, 1.0, right) < config.shift_chance
    amount = torch.where(moved, amount, 0.0)
    reach = int(config.shift) + 1
    padded = F.pad(right, (0, 0, reach, reach), mode="replicate")
    height = right.shape[2]
    result = torch.zeros_like(right)
    for offset in range(-reach, reach + 1):
        weight = (1.0 - (amount - offset).abs()).clamp(min=0.0)
        result = result + weight * padded[:, :, reach + offset : reach + offset + height]
    return result


def _erase(right: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    batch, _, height, width = right.shape
    mean = right.mean(dim=(2, 3), keepdim=True)
    chosen = _uniform(generator, (batch, 1, 1, 1), 0.0, 1.0, right)
    x = torch.arange(width, device=right.device)
    y = torch.arange(height, device=right.device)[:, None]
    for limit in (config.eraser, 0.5 * config.eraser):  # the second rectangle in half of the cases
        sides = _uniform(generator, (2, batch, 1, 1, 1), config.eraser_low, config.eraser_high, right) * width
        place = _uniform(generator, (2, batch, 1, 1, 1), 0.0, 1.0, right)
        x0, y0 = place[0] * width - 0.5 * sides[0], place[1] * height - 0.5 * sides[1]
        inside = (x >= x0) & (x < x0 + sides[0]) & (y >= y0) & (y < y0 + sides[1]) & (chosen < limit)
        right = torch.where(inside, mean, right)
    return right
