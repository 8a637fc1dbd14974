# SPDX-License-Identifier: Apache-2.0
"""Images of any size to the sides that a model has, and its disparity back."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from foundation_stereo_ros.estimate.grid import Size, padded, resize_disparity, resize_image
from foundation_stereo_ros.shapes import DisparityMap, RgbImage


class Fit(NamedTuple):
    """A size shrunk as a whole, then padded evenly at its sides by repeating the border.

    Attributes:
        size: width and height that come in.
        inner: those after shrinking.
        outer: those after padding, as the model has them.
    """

    size: Size
    inner: Size
    outer: Size

    @classmethod
    def of(cls, size: Size, height: int | None, width: int | None) -> Fit:
        """Return what fits a size into a model's sides.

        Images are never enlarged, and keep their proportions to the nearest pixel.

        Args:
            size: width and height of the images.
            height, width: of the model; None: any that this package's network takes.
        """
        ratio = min((1.0, *(side / own for side, own in zip((width, height), size, strict=True) if side)))
        inner = max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))
        return cls(size, inner, (width or padded(inner[0]), height or padded(inner[1])))

    def apply(self, image: RgbImage) -> RgbImage:
        """Fit H x W x 3."""
        small = resize_image(image, self.inner)
        if self.inner == self.outer:
            return small
        left, top = self._offsets
        right, bottom = self.outer[0] - self.inner[0] - left, self.outer[1] - self.inner[1] - top
        borders = (top, bottom, left, right)
        padded = cv2.copyMakeBorder(np.ascontiguousarray(small), *borders, cv2.BORDER_REPLICATE)
        return np.asarray(padded, np.uint8)

    def undo(self, disparity: DisparityMap) -> DisparityMap:
        """Return the disparity, H x W in pixels, on the grid of the images that came in."""
        left, top = self._offsets
        width, height = self.inner
        return resize_disparity(disparity[top : top + height, left : left + width], self.size)

    @property
    def _offsets(self) -> tuple[int, int]:
        return (self.outer[0] - self.inner[0]) // 2, (self.outer[1] - self.inner[1]) // 2
