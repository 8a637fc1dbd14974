# SPDX-License-Identifier: Apache-2.0
"""From the grid of the input images to the one that the network or a model sees, and back."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.nets.parts.padding import MULTIPLE
from foundation_stereo_ros.shapes import RgbImage, ShiftMap

Size = tuple[int, int]
"""Width and height in pixels."""

EDGE = 1.0
"""Pixels of the network's grid: where linear and nearest interpolation differ by more, a depth edge lies
between."""


def scaled_size(size: Size, scale: float) -> Size:
    """Return width and height times ``scale``, rounded, at least one pixel."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def padded(side: int) -> int:
    """Return a side as the network pads it."""
    return -(-side // MULTIPLE) * MULTIPLE


def resize_image(image: RgbImage, size: Size) -> RgbImage:
    """Resize H x W x 3 bilinearly (OpenCV's pixel centres); the same array if it has that size already."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.asarray(cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_LINEAR), np.uint8)


def resize_disparity(disparity: ShiftMap, size: Size) -> ShiftMap:
    """Resize a disparity map and divide its values by the true ratio of the widths.

    Bilinear, except across depth edges: a mean of foreground and background would be a point in mid-air, so
    there the nearest value is taken.
    """
    height, width = disparity.shape
    if (width, height) == size:
        return disparity
    smooth = cv2.resize(disparity, size, interpolation=cv2.INTER_LINEAR)
    nearest = cv2.resize(disparity, size, interpolation=cv2.INTER_NEAREST_EXACT)
    with np.errstate(invalid="ignore"):
        kept = np.where(np.abs(smooth - nearest) <= EDGE, smooth, nearest)
    return np.asarray(kept * (size[0] / width), np.float32)


def resize_map(values: npt.NDArray[np.float32], size: Size) -> npt.NDArray[np.float32]:
    """Resize H x W values bilinearly."""
    if (values.shape[1], values.shape[0]) == size:
        return values
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


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
        grown = cv2.copyMakeBorder(np.ascontiguousarray(small), *borders, cv2.BORDER_REPLICATE)
        return np.asarray(grown, np.uint8)

    def undo(self, disparity: ShiftMap) -> ShiftMap:
        """Return the disparity, H x W in pixels, on the grid of the images that came in."""
        left, top = self._offsets
        width, height = self.inner
        return resize_disparity(disparity[top : top + height, left : left + width], self.size)

    @property
    def _offsets(self) -> tuple[int, int]:
        return (self.outer[0] - self.inner[0]) // 2, (self.outer[1] - self.inner[1]) // 2
