# SPDX-License-Identifier: Apache-2.0
"""Depth to points."""

from __future__ import annotations

import numpy as np

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.shapes import DepthMap, Points


def points_from_depth(depth: DepthMap, camera: Camera) -> Points:
    """Return the point that each pixel of a depth map shows.

    Args:
        depth: H x W, metres along the optical axis; NaN where unknown.
        camera: of the same grid.

    Returns:
        H x W x 3, metres in the camera's optical frame (REP 103: x right, y down, z forward); all three NaN
        where the depth is not finite.

    Raises:
        ValueError: the depth map does not have the camera's size.
    """
    if depth.shape != (camera.height, camera.width):
        raise ValueError(f"depth is {depth.shape}; expected {(camera.height, camera.width)}")
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
