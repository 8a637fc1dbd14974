# SPDX-License-Identifier: Apache-2.0
"""The coloured point cloud of a prediction, and a picture of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foundation_stereo_ros.estimate.config import CloudSettings
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.geometry.filters import load_open3d, remove_radius_outliers, voxel_downsample
from foundation_stereo_ros.shapes import Matrix, Points, RgbImage

BACKGROUND = (24, 24, 28)


class Cloud(NamedTuple):
    """Valid points alone: N x 3 metres in the optical frame of its camera, and N x 3 red, green, blue."""

    points: Points
    colors: RgbImage


def has_filters(config: CloudSettings) -> bool:
    """Tell whether points are merged or removed: such a cloud cannot keep the image's rows and columns."""
    return config.voxel_size > 0 or config.outlier_radius > 0


def check_filters(config: CloudSettings) -> None:
    """Say at once, and not with the first cloud, that a filter cannot work here.

    Raises:
        ConfigError: outliers are to be removed and Open3D does not load here.
    """
    if config.outlier_radius > 0:
        load_open3d()


def valid_cloud(prediction: Prediction, config: CloudSettings) -> Cloud:
    """Return the valid points after ``cloud_stride``, ``outlier_*`` and ``voxel_size``, in this order.

    Raises:
        ConfigError: outliers are to be removed and Open3D is not installed.
    """
    step = config.cloud_stride
    points = prediction.points()[::step, ::step]
    keep = np.isfinite(points).all(axis=-1)
    cloud = Cloud(points[keep], prediction.image[::step, ::step][keep])
    if config.outlier_radius > 0:
        cloud = Cloud(*remove_radius_outliers(*cloud, config.outlier_radius, config.outlier_neighbors))
    if config.voxel_size > 0:
        cloud = Cloud(*voxel_downsample(*cloud, config.voxel_size))
    return cloud


def picture_of_cloud(
    cloud: Cloud, width: int = 640, height: int = 480, *, yaw_deg: float = 20.0, pitch_deg: float = 12.0
) -> RgbImage:
    """Draw a cloud as seen by a camera that swings around the middle of the scene, nearer points in front.

    Args:
        cloud: the points; an empty one gives an empty picture.
        width: of the picture.
        height: of the picture.
        yaw_deg: how far the camera swings to the right.
        pitch_deg: how far it swings upwards, looking down.

    Returns:
        height x width x 3.
    """
    picture = np.full((height, width, 3), BACKGROUND, np.uint8)
    near = _without_far_tail(cloud)
    if not len(near.points):
        return picture
    points = near.points.astype(np.float64)
    pivot = np.array((0.0, 0.0, np.median(points[:, 2])))
    turned = (points - pivot) @ _rotation(yaw_deg, pitch_deg).T + pivot
    turned[:, 2] = np.maximum(turned[:, 2], 1e-6)
    flat = turned[:, :2] / turned[:, 2:]
    low, high = np.percentile(flat, (1, 99), axis=0)
    zoom = 0.92 * min(width / max(high[0] - low[0], 1e-9), height / max(high[1] - low[1], 1e-9))
    at = (flat - (low + high) / 2) * zoom + (width / 2, height / 2)
    far_to_near = np.argsort(-turned[:, 2], kind="stable")
    # Points grow with the picture so that surfaces look closed; of those on one pixel the last, nearest, one
    # stays.
    spacing = np.sqrt(width * height / len(points))
    dot = int(np.clip(np.ceil(spacing * 1.5), 1, 12))
    offsets = np.stack(np.meshgrid(np.arange(dot), np.arange(dot)), axis=-1).reshape(-1, 2) - dot // 2
    pixels = (np.rint(at[far_to_near]).astype(np.int64)[:, None] + offsets).reshape(-1, 2)
    colors = np.repeat(near.colors[far_to_near], len(offsets), axis=0)
    seen = (pixels >= 0).all(axis=1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
    picture[pixels[seen, 1], pixels[seen, 0]] = colors[seen]
    return picture


def _without_far_tail(cloud: Cloud) -> Cloud:
    if not len(cloud.points):
        return cloud
    z = cloud.points[:, 2]
    keep = z <= 3 * np.median(z)
    return Cloud(cloud.points[keep], cloud.colors[keep])


def _rotation(yaw_deg: float, pitch_deg: float) -> Matrix:
    yaw, pitch = np.radians((yaw_deg, pitch_deg))
    about_y = np.array(((np.cos(yaw), 0, np.sin(yaw)), (0, 1, 0), (-np.sin(yaw), 0, np.cos(yaw))))
    about_x = np.array(((1, 0, 0), (0, np.cos(pitch), -np.sin(pitch)), (0, np.sin(pitch), np.cos(pitch))))
    return np.asarray(about_x @ about_y, np.float64)
