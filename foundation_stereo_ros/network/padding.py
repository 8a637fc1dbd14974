# SPDX-License-Identifier: Apache-2.0
"""Images of any size to sides that the network takes, and back (specification section 5)."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Padding(NamedTuple):
    """Pixels added at each side of an image."""

    left: int
    right: int
    top: int
    bottom: int

    @classmethod
    def for_size(cls, height: int, width: int, multiple: int = 32) -> Padding:
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


def pad_to_multiple(image: Tensor, multiple: int = 32) -> tuple[Tensor, Padding]:
    """Pad B x C x H x W by repeating its border until both sides are multiples; disparities stay.

    Returns the padded image and what undoes it on the network's output: ``padding.crop``.
    """
    padding = Padding.for_size(image.shape[-2], image.shape[-1], multiple)
    return padding.apply(image), padding
