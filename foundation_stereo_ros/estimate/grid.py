# SPDX-License-Identifier: Apache-2.0
"""From the grid of the input images to the one that the network sees, and back."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.nets.parts.padding import MULTIPLE
from foundation_stereo_ros.shapes import DisparityMap, RgbImage

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


def resize_disparity(disparity: DisparityMap, size: Size) -> DisparityMap:
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
