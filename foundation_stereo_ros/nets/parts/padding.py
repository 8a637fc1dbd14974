# SPDX-License-Identifier: Apache-2.0
"""Images of any size to sides that the network takes, and back."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.errors import ConfigError, ImageError

MULTIPLE = 32
"""Both sides of the images that a network takes must be multiples of this."""


class Padding(NamedTuple):
    """Pixels added at each side of an image."""

    left: int
    right: int
    top: int
    bottom: int

    @classmethod
    def for_size(cls, height: int, width: int, multiple: int = MULTIPLE) -> Padding:
        """Return the padding that makes both sides multiples; an odd pixel goes to the right or bottom."""
        ph, pw = -height % multiple, -width % multiple
        return cls(pw // 2, pw - pw // 2, ph // 2, ph - ph // 2)

    def apply(self, image: Tensor) -> Tensor:
        """Pad B x C x H x W by repeating its border."""
        return F.pad(image, tuple(self), mode="replicate") if any(self) else image

    def crop(self, padded: Tensor) -> Tensor:
        """Cut the padding off the last two axes, of any tensor on the padded grid."""
        height, width = padded.shape[-2:]
        return padded[..., self.top : height - self.bottom, self.left : width - self.right]


def pad_to_multiple(image: Tensor, multiple: int = MULTIPLE) -> tuple[Tensor, Padding]:
    """Pad B x C x H x W by repeating its border until both sides are multiples; disparities stay.

    Returns the padded image and what undoes it on the network's output: ``padding.crop``.
    """
    padding = Padding.for_size(image.shape[-2], image.shape[-1], multiple)
    return padding.apply(image), padding


def small_pair(left: Tensor, right: Tensor, ratio: float) -> tuple[Tensor, Tensor]:
    """Return smaller copies of two B x 3 x H x W images, for a first pass.

    Raises:
        ConfigError: the ratio is out of its range.
    """
    if not 0 < ratio < 1:
        raise ConfigError(f"small_ratio is {ratio}; expected a number between 0 and 1, both excluded")
    small_left, small_right = (
        F.interpolate(image, scale_factor=ratio, mode="bilinear", align_corners=False)
        for image in (left, right)
    )
    return small_left, small_right


def check_pair(left: Tensor, right: Tensor) -> None:
    """Refuse images that a network cannot take.

    Raises:
        ImageError: they differ in shape, are not B x 3 x H x W, or their sides are not multiples of 32.
    """
    if left.shape != right.shape or left.ndim != 4 or left.shape[1] != 3:
        shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
        raise ImageError(f"left and right are {shapes}; expected the same B x 3 x H x W")
    height, width = left.shape[-2:]
    if height % MULTIPLE or width % MULTIPLE or 0 in (height, width):
        raise ImageError(
            f"images are {height} x {width} pixels; expected multiples of {MULTIPLE} (pad_to_multiple)"
        )
