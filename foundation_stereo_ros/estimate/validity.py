# SPDX-License-Identifier: Apache-2.0
"""Which predictions to believe."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.estimate.config import DepthSettings
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.shapes import DepthMap, Mask, ShiftMap

CERTAIN_ENOUGH = 0.5
"""Least confidence of a valid point: that of a difference of exactly ``confidence_threshold``."""


def valid_mask(shift: ShiftMap, depth: DepthMap, config: DepthSettings) -> Mask:
    """Tell where a depth can be used.

    Args:
        shift: H x W, pixels.
        depth: H x W, metres; NaN where there is none.
        config: ``z_near``, ``z_far`` and ``remove_invisible``.

    Returns:
        H x W; the shift is finite and positive, the depth within the limits (both included) and, with
        ``remove_invisible``, the counterpart at x - shift not left of the right image.
    """
    with np.errstate(invalid="ignore"):
        valid = np.isfinite(shift) & (shift > 0) & (depth >= config.z_near) & (depth <= config.z_far)
        if config.remove_invisible:
            valid &= np.arange(shift.shape[1], dtype=np.float32) - shift >= 0
    return np.asarray(valid, np.bool_)


def left_right_confidence(left: ShiftMap, right: ShiftMap, threshold: float) -> npt.NDArray[np.float32]:
    """Compare the left view's shift with the right view's at the counterpart.

    With e(x) = abs(left(x) - right(x - left(x))), the right map interpolated linearly along its row, the
    confidence is 2 ** (-e / threshold).

    Args:
        left: H x W, pixels, on the left image's grid.
        right: H x W, pixels, on the right image's grid; not negative either.
        threshold: difference in pixels at which the confidence is one half.

    Returns:
        H x W, 0 to 1; 0 where there is no counterpart.
    """
    height, width = left.shape
    with np.errstate(invalid="ignore"):
        column = np.arange(width, dtype=np.float32) - left
        inside = (column >= 0) & (column <= width - 1)
    column = np.where(inside, column, 0)
    first = np.minimum(column.astype(np.intp), max(width - 2, 0))
    weight = column - first
    row = np.arange(height)[:, None]
    second = np.minimum(first + 1, width - 1)
    counterpart = (1 - weight) * right[row, first] + weight * right[row, second]
    confidence = np.exp2(-np.abs(left - counterpart) / threshold)
    return np.where(inside & np.isfinite(confidence), confidence, 0).astype(np.float32)


def why_all_invalid(prediction: Prediction, config: DepthSettings) -> str:
    """Return a sentence on a prediction without a single valid pixel: what its disparities mean in metres."""
    if prediction.match is None:
        return "every pixel is invalid"
    disparity, rig = prediction.disparity, prediction.rig
    positive = disparity[np.isfinite(disparity) & (disparity > 0)]
    if not positive.size:
        return "every pixel is invalid: no disparity is positive (are left and right swapped?)"
    depth = rig.left.fx * rig.baseline / float(np.median(positive))
    told = f"every pixel is invalid: with a baseline of {rig.baseline:g} m the median depth is {depth:.3g} m"
    if depth < config.z_near:
        return f"{told}, less than z_near, {config.z_near:g} m"
    if depth > config.z_far:
        return f"{told}, more than z_far, {config.z_far:g} m"
    return f"{told}, but no pixel is within z_near and z_far with a counterpart in the right image"
