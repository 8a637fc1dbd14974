# SPDX-License-Identifier: Apache-2.0
"""Disparity to depth and back, Z = f * B / d (DisparityImage.msg), and depth to points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.shapes import DepthMap, DisparityMap, Points


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


def points_from_depth(depth: DepthMap, camera: Camera) -> Points:
    """Return the point that each pixel of a depth map shows.

    Args:
        depth: H x W, metres along the optical axis; NaN where unknown.
        camera: of the same grid.

    Returns:
        H x W x 3, metres in the camera's optical frame (REP 103: x right, y down, z forward); all three NaN
        where the depth is not finite.

    Raises:
        ImageError: the depth map does not have the camera's size.
    """
    if depth.shape != (camera.height, camera.width):
        raise ImageError(f"depth is {depth.shape}; expected {(camera.height, camera.width)}")
    # One slope for each column and each row, in double: cx may be large beside a pixel's fraction.
    right = ((np.arange(camera.width) - camera.cx) / camera.fx).astype(np.float32)
    down = ((np.arange(camera.height) - camera.cy) / camera.fy).astype(np.float32)
    # In memory plane by plane: three values side by side are several times slower to write and to read.
    x, y, z = planes = np.empty((3, *depth.shape), np.float32)
    np.copyto(z, depth)
    z[np.isinf(z)] = np.nan
    np.multiply(z, right, out=x)
    np.multiply(z, down[:, None], out=y)
    return np.moveaxis(planes, 0, -1)


def _reciprocal(values: npt.NDArray[np.floating], stereo: StereoRig) -> npt.NDArray[np.float32]:
    result = np.full(values.shape, np.nan, np.float32)
    product = np.asarray(stereo.left.fx * stereo.baseline, values.dtype)
    # A denormal number has no finite reciprocal: it says as little as a zero.
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide(product, values, out=result, where=(values > 0) & (values < np.inf), casting="same_kind")
    result[np.isinf(result)] = np.nan
    return result
