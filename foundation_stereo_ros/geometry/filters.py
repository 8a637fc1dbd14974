# SPDX-License-Identifier: Apache-2.0
"""Thinner and cleaner clouds, for those who want them."""

from __future__ import annotations

from typing import Any

import numpy as np

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.shapes import Points, RgbImage


def voxel_downsample(points: Points, colors: RgbImage, size: float) -> tuple[Points, RgbImage]:
    """Replace the points of each cube of space by their mean.

    Args:
        points: N x 3, metres, all finite.
        colors: N x 3, uint8.
        size: edge of the cubes, metres; one cube's corner is the origin.

    Returns:
        M x 3 means of points and M x 3 of colours, M <= N, ordered by cube.

    Raises:
        ConfigError: ``size`` is not positive.
    """
    if not 0 < size < np.inf:
        raise ConfigError(f"voxel size is {size}; expected a positive number of metres")
    if len(points) == 0:
        return points, colors
    cubes = np.floor(points.astype(np.float64) / size)
    cubes -= cubes.min(axis=0)
    # One number a cube sorts many times faster than three; a double counts to 2**53 without a gap.
    spans = cubes.max(axis=0) + 1
    if spans.prod() < 2**53:
        keys = (cubes[:, 0] * spans[1] + cubes[:, 1]) * spans[2] + cubes[:, 2]
        _, group = np.unique(keys, return_inverse=True)
    else:
        _, group = np.unique(cubes, axis=0, return_inverse=True)
    group = group.ravel()
    counts = np.bincount(group)
    mean = [
        np.bincount(group, weights=column) / counts
        for column in np.concatenate((points, colors), axis=1, dtype=np.float64).T
    ]
    means = np.stack(mean, axis=1)
    return means[:, :3].astype(np.float32), np.rint(means[:, 3:]).astype(np.uint8)


def remove_radius_outliers(
    points: Points, colors: RgbImage, radius: float, neighbors: int
) -> tuple[Points, RgbImage]:
    """Keep the points that have at least ``neighbors`` others within ``radius``.

    Args:
        points: N x 3, metres, all finite.
        colors: N x 3, uint8.
        radius: metres.
        neighbors: number of other points.

    Returns:
        The points and colours that stay, in their order.

    Raises:
        ConfigError: a limit is not positive, or Open3D is not installed.
    """
    if not 0 < radius < np.inf or neighbors < 1:
        raise ConfigError(
            f"outlier radius is {radius} and neighbors {neighbors}; expected both to be positive"
        )
    open3d = load_open3d()
    if len(points) == 0:
        return points, colors
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points.astype(np.float64)))
    # Open3D counts the point itself and asks for more than `nb_points`.
    _, kept = cloud.remove_radius_outlier(nb_points=neighbors, radius=radius)
    index = np.asarray(kept, np.int64)
    return points[index], colors[index]


def load_open3d(what: str = "outlier_radius") -> Any:
    """Return the module; it is optional, and takes seconds to load.

    Args:
        what: needs it; begins the sentence that says so.

    Raises:
        ConfigError: it is not installed, or does not load here.
    """
    try:
        import open3d
    except ImportError as error:
        raise ConfigError(
            f"{what} needs Open3D; install it with: pip install 'foundation_stereo_ros[cloud]' ({error})"
        ) from error
    return open3d
