# SPDX-License-Identifier: Apache-2.0
"""A stereo pair to measure with: something to match in every place, and always the same."""

from __future__ import annotations

import cv2
import numpy as np

from foundation_stereo_ros.shapes import RgbImage

SHIFT = 10
"""Disparity of the whole picture, pixels."""

_GRAINS = (1, 4, 16, 64)  # sizes of the picture's spots, pixels


def stereo_pictures(height: int, width: int) -> tuple[RgbImage, RgbImage]:
    """Return left and right picture of a textured plane at `SHIFT` pixels, rectified."""
    random = np.random.default_rng(0)
    total = np.zeros((height, width + SHIFT, 3), np.float32)
    for grain in _GRAINS:
        spots = random.random((-(-height // grain), -(-(width + SHIFT) // grain), 3), np.float32)
        total += cv2.resize(spots, (width + SHIFT, height), interpolation=cv2.INTER_LINEAR)
    picture = (255 / len(_GRAINS) * total).astype(np.uint8)
    return np.ascontiguousarray(picture[:, :width]), np.ascontiguousarray(picture[:, SHIFT:])
