# SPDX-License-Identifier: Apache-2.0
"""The grid of anchors: each block of 8 x 8 pixels has one, and the block's depths are told relative to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.shapes import Mask

BLOCK = 8
"""Rows and columns of a block."""


class AnchorGrid(NamedTuple):
    """The anchors of a view.

    Attributes:
        height: rows of the view, a multiple of `BLOCK`.
        width: columns, the same.
        pixels: of each block in row-major order, its anchor as flat index (width * row + column).
    """

    height: int
    width: int
    pixels: npt.NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        return self.height // BLOCK, self.width // BLOCK

    def block_of(self, u: npt.NDArray[np.integer], v: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Return the block of each pixel: column u, row v."""
        return (v // BLOCK).astype(np.int64) * (self.width // BLOCK) + u // BLOCK

    def blocks(self) -> npt.NDArray[np.int64]:
        """Return the block of every pixel, height x width."""
        v, u = np.indices((self.height, self.width))
        return self.block_of(u, v)

    def corners(self) -> npt.NDArray[np.int64]:
        """Return the upper left pixel of each block as flat index."""
        v, u = np.indices(self.shape) * BLOCK
        return (v * self.width + u).ravel()


def anchor_grid(mask: Mask) -> AnchorGrid:
    """Return the anchors of a view.

    The anchor is the block's centre (row 4, column 4), or where that is background the foreground pixel
    nearest to it: at the edge of an object, the object's depths must not hang on a background pixel. A block
    of background has its centre.

    Args:
        mask: H x W; the foreground.

    Raises:
        ImageError: H or W is no multiple of `BLOCK`.
    """
    height, width = mask.shape
    if height % BLOCK or width % BLOCK:
        raise ImageError(f"a view is {width} x {height} pixels; expected multiples of {BLOCK}")
    rows, columns = height // BLOCK, width // BLOCK
    inside = mask.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK * BLOCK)
    v, u = np.indices((BLOCK, BLOCK)) - BLOCK // 2
    distance = (v * v + u * u).ravel()
    centre = int(np.argmin(distance))
    chosen = np.where(inside.any(axis=1), np.argmin(np.where(inside, distance, 1 << 20), axis=1), centre)
    block = np.arange(rows * columns)
    row = block // columns * BLOCK + chosen // BLOCK
    column = block % columns * BLOCK + chosen % BLOCK
    return AnchorGrid(height, width, row * width + column)
