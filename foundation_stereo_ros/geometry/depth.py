# SPDX-License-Identifier: Apache-2.0
"""Disparity to depth and back: Z = f * B / d (DisparityImage.msg)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.shapes import DepthMap, DisparityMap


def disparity_to_depth(disparity: npt.NDArray[np.floating], stereo: StereoRig) -> DepthMap:
    """Return depth along the left optical axis.

    Args:
        disparity: H x W, pixels, x_left - x_right - (cx_left - cx_right): the principal points' difference
            is taken off already.
        stereo: cameras of the same grid.

    Returns:
        H x W, metres; NaN where the disparity is zero, negative or not finite.
    """
    return _reciprocal(disparity, stereo)


def depth_to_disparity(depth: npt.NDArray[np.floating], stereo: StereoRig) -> DisparityMap:
    """Return the disparity, in the convention of `disparity_to_depth`, of a depth in metres.

    NaN where the depth is zero, negative or not finite.
    """
    return _reciprocal(depth, stereo)


def _reciprocal(values: npt.NDArray[np.floating], stereo: StereoRig) -> npt.NDArray[np.float32]:
    result = np.full(values.shape, np.nan, np.float32)
    product = np.asarray(stereo.left.fx * stereo.baseline, values.dtype)
    # A denormal number has no finite reciprocal: it says as little as a zero.
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide(product, values, out=result, where=(values > 0) & (values < np.inf), casting="same_kind")
    result[np.isinf(result)] = np.nan
    return result
