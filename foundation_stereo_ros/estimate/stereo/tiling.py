# SPDX-License-Identifier: Apache-2.0
"""An image too large for the memory, in tiles that overlap: where they lie, and how they are blended."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.estimate.grid import Size, padded
from foundation_stereo_ros.nets.parts.padding import MULTIPLE
from foundation_stereo_ros.shapes import RgbImage, ShiftMap

CONTEXT = 32
"""Pixels at a tile's cut edges that only help the others: the network sees too little there."""

BLEND = 32
"""Pixels over which one tile fades into the next."""


@dataclass(frozen=True)
class Cut:
    """One axis, of ``length`` pixels, cut into equal windows.

    Attributes:
        length: of the axis.
        window: pixels of each window; not more than ``length``.
        lead: pixels at the beginning of every window but the first one that do not count.
        trail: pixels at the end of every window but the last one that do not count.
        blend: pixels over which the windows fade into each other.
    """

    length: int
    window: int
    lead: int = CONTEXT
    trail: int = CONTEXT
    blend: int = BLEND

    @property
    def overlap(self) -> int:
        """Pixels that neighbours share at least."""
        return self.lead + self.trail + self.blend

    @property
    def possible(self) -> bool:
        """Whether windows of this size can fade into each other, at most two at a pixel."""
        return self.window == self.length or self.length > self.window >= self.overlap + 2 * self.blend

    @property
    def starts(self) -> tuple[int, ...]:
        """First pixels of the windows: as few as will do, evenly spread, from end to end."""
        if self.window == self.length:
            return (0,)
        count = -(-(self.length - self.overlap) // (self.window - self.overlap))
        return tuple(round(i * (self.length - self.window) / (count - 1)) for i in range(count))

    def weights(self) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Give each window's first pixel and its pixels' weights; those of one pixel add up to 1."""
        seams = [
            # Middle of what both sides of the seam have seen well.
            (following + self.lead + before + self.window - self.trail) / 2
            for before, following in itertools.pairwise(self.starts)
        ]
        for number, start in enumerate(self.starts):
            pixel = np.arange(start, start + self.window, dtype=np.float64) + 0.5
            weight = np.ones(self.window, np.float32)
            if number:
                weight *= self._rise(pixel, seams[number - 1])
            if number < len(seams):
                weight *= 1 - self._rise(pixel, seams[number])
            yield start, weight

    def _rise(self, pixel: npt.NDArray[np.float64], seam: float) -> npt.NDArray[np.float32]:
        return np.asarray(np.clip((pixel - seam) / self.blend + 0.5, 0, 1), np.float32)


@dataclass(frozen=True)
class Tiling:
    """Rows and columns of an image, cut.

    The right camera sees a point up to ``max_disp`` columns farther left. So tiles take that much more at
    their left, of both images, which leaves disparities as they are.
    """

    rows: Cut
    columns: Cut

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.rows.starts) * len(self.columns.starts)

    @property
    def size(self) -> Size:
        """Width and height of a tile."""
        return self.columns.window, self.rows.window

    def run(
        self,
        left: RgbImage,
        right: RgbImage,
        infer: Callable[[RgbImage, RgbImage], ShiftMap],
    ) -> ShiftMap:
        """Estimate tile by tile, and blend.

        Args:
            left, right: H x W x 3.
            infer: both images of a tile -> its disparity in pixels.
        """
        total = np.zeros(left.shape[:2], np.float32)
        for (top, vertical), (start, horizontal) in itertools.product(
            self.rows.weights(), self.columns.weights()
        ):
            place = np.s_[top : top + self.rows.window, start : start + self.columns.window]
            weight = vertical[:, None] * horizontal
            # What does not count may be anything, even infinite.
            total[place] += np.where(weight > 0, weight * infer(left[place], right[place]), 0)
        return total


@functools.lru_cache(maxsize=16)
def tiling_for(size: Size, pixels: int, max_disp: int) -> Tiling | None:
    """Return the tiling with the least to compute whose tiles have at most so many pixels.

    Args:
        size: width and height of the images.
        pixels: of a tile.
        max_disp: largest disparity, pixels.

    Returns:
        None where no tile is small enough to fit, and large enough to be of use.
    """
    cuts = itertools.product(_cuts(size[1], CONTEXT), _cuts(size[0], max(CONTEXT, max_disp)))
    small = [Tiling(*cut) for cut in cuts if padded(cut[0].window) * padded(cut[1].window) <= pixels]
    return min(small, key=lambda tiling: (tiling.count * math.prod(tiling.size), tiling.count), default=None)


def _cuts(length: int, lead: int) -> list[Cut]:
    # Multiples of what the network pads to, so that it has nothing to pad.
    windows = (length, *range(MULTIPLE, length, MULTIPLE))
    return [cut for window in windows if (cut := Cut(length, window, lead)).possible]
