# SPDX-License-Identifier: Apache-2.0
"""What is evaluated: the network, and beside it a classic."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
import torch

from foundation_stereo_ros.datasets.dataset import StereoSample
from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.shapes import RgbImage, ShiftMap

_LEAST_RANGE = 64


class Method(Protocol):
    """Something that estimates a dense disparity.

    Attributes:
        name: in tables and files.
        device: whose memory it takes.
    """

    name: str
    device: torch.device

    def __call__(self, sample: StereoSample) -> ShiftMap:
        """Estimate x_left - x_right in pixels for every pixel of the left image."""


class NetworkMethod:
    """The network with all of the pipeline around it: scale, padding, precision."""

    name = "network"

    def __init__(self, estimator: StereoEstimator) -> None:
        self.device = estimator.device
        self._estimator = estimator

    def __call__(self, sample: StereoSample) -> ShiftMap:
        """Estimate; the cameras are made up, with equal principal points, so that nothing is taken off."""
        height, width = sample.left.shape[:2]
        camera = Camera(width, height, fx=width, fy=width, cx=width / 2, cy=height / 2)
        return self._estimator(sample.left, sample.right, StereoRig(camera, camera, baseline=0.1)).disparity


class SgbmMethod:
    """OpenCV's StereoSGBM, every hole filled with the lower of the two values beside it in the row.

    Args:
        disparities: search range, pixels; None: what the dataset says, otherwise an eighth of the width, but
            64 or more.
    """

    name = "sgbm"
    device = torch.device("cpu")

    def __init__(self, disparities: int | None = None) -> None:
        self._disparities = disparities

    def __call__(self, sample: StereoSample) -> ShiftMap:
        """Estimate; raises ImageError where OpenCV cannot."""
        usual = max(_LEAST_RANGE, sample.left.shape[1] // 8)
        wanted = self._disparities or sample.numbers.disparities or usual
        return sgbm(sample.left, sample.right, -(-wanted // 16) * 16)


def sgbm(left: RgbImage, right: RgbImage, disparities: int) -> ShiftMap:
    """Match semi-globally, then fill the holes.

    Args:
        left, right: H x W x 3.
        disparities: search range, pixels, a multiple of 16.

    Raises:
        ImageError: OpenCV refuses the pair, as one smaller than its window.
    """
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=disparities,
        blockSize=5,
        P1=8 * 3 * 25,
        P2=32 * 3 * 25,
        disp12MaxDiff=1,
        uniquenessRatio=5,
        speckleWindowSize=100,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    # Without the border, the left columns that could match beyond the right image's edge have no value.
    wide = [cv2.copyMakeBorder(x, 0, 0, disparities, 0, cv2.BORDER_REPLICATE) for x in (left, right)]
    try:
        sixteenths = matcher.compute(*wide)
    except cv2.error as error:
        raise ImageError(
            f"StereoSGBM cannot match {left.shape[1]} x {left.shape[0]} pixels: {error}"
        ) from None
    disparity = sixteenths[:, disparities:].astype(np.float32) / 16
    disparity[disparity < 0] = np.nan
    return np.stack([_filled(row) for row in disparity])


def _filled(row: ShiftMap) -> ShiftMap:
    known = np.flatnonzero(np.isfinite(row))
    if not known.size:
        return np.zeros_like(row)
    place = np.searchsorted(known, np.arange(row.size))
    before, after = known[np.maximum(place - 1, 0)], known[np.minimum(place, known.size - 1)]
    # What a hole hides is nearly always the background.
    return np.where(np.isfinite(row), row, np.minimum(row[before], row[after]))
