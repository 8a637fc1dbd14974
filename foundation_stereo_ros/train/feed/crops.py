# SPDX-License-Identifier: Apache-2.0
"""A random part of a pair at a random size (as RAFT-Stereo trains), with its disparity."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from foundation_stereo_ros.datasets.dataset import StereoSample
from foundation_stereo_ros.shapes import DisparityMap, RgbImage
from foundation_stereo_ros.train.data_config import CropConfig

_SURFACE = 1.0
_FAR = 1e9


class Crop(NamedTuple):
    """H x W of a pair: images, and disparity in pixels of that size, NaN where unknown."""

    left: RgbImage
    right: RgbImage
    disparity: DisparityMap


def random_crop(
    sample: StereoSample, height: int, width: int, config: CropConfig, rng: np.random.Generator
) -> Crop:
    """Resize, cut out, and turn upside down.

    Args:
        sample: a pair; one that is too small is enlarged until the crop fits.
        height, width: of the crop, pixels.
        config: what chance may do.
        rng: decides everything.
    """
    rows, columns = sample.left.shape[:2]
    scale = 2 ** rng.uniform(config.scale_low, config.scale_high)
    stretch = 2 ** (rng.uniform(-config.stretch, config.stretch) * (rng.random() < config.stretch_chance))
    scale = max(scale, height / rows, width / columns)
    size = max(height, round(rows * scale)), max(width, round(columns * scale * stretch))
    top, start = (
        int(rng.integers(0, whole - part + 1)) for whole, part in zip(size, (height, width), strict=True)
    )
    step = -1 if rng.random() < config.flip else 1  # upside down, rows are still epipolar lines
    window = slice(top, top + height), slice(start, start + width)
    return Crop(
        np.ascontiguousarray(resize_image(sample.left, *size)[window][::step]),
        np.ascontiguousarray(resize_image(sample.right, *size)[window][::step]),
        np.ascontiguousarray(resize_disparity(sample.disparity, *size)[window][::step]),
    )


def resize_image(image: RgbImage, rows: int, columns: int) -> RgbImage:
    """Resize H x W x 3; pixels' borders stay on pixels' borders."""
    if image.shape[:2] == (rows, columns):
        return image
    shrinks = rows <= image.shape[0] and columns <= image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=method), np.uint8)


def resize_disparity(disparity: DisparityMap, rows: int, columns: int) -> DisparityMap:
    """Resize H x W, and change the disparities as their pixels' width.

    Between known neighbours on one surface it is interpolated linearly; elsewhere the nearest pixel is
    taken, known or not, since a mean of two surfaces is on neither.
    """
    if disparity.shape == (rows, columns):
        return disparity
    y, x = _nearest(disparity.shape[0], rows)[:, None], _nearest(disparity.shape[1], columns)
    known = np.isfinite(disparity)
    window = np.ones((3, 3), np.uint8)
    high = cv2.dilate(np.where(known, disparity, _FAR), window)
    low = cv2.erode(np.where(known, disparity, -_FAR), window)
    surface = (high - low < _SURFACE)[y, x]
    linear = cv2.resize(np.where(known, disparity, 0), (columns, rows), interpolation=cv2.INTER_LINEAR)
    factor = columns / disparity.shape[1]
    return np.asarray(np.where(surface, linear, disparity[y, x]) * factor, np.float32)


def _nearest(before: int, after: int) -> np.ndarray:
    """Return which of ``before`` pixels holds the middle of each of ``after`` ones."""
    places = np.floor((np.arange(after) + 0.5) * before / after).astype(np.intp)
    return np.minimum(places, before - 1)
