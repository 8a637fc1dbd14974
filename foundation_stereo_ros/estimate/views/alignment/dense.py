# SPDX-License-Identifier: Apache-2.0
"""Depth of all pixels of the aligned views, and which of them other views contradict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.estimate.views.alignment.canonical import CanonicalView, Floats
from foundation_stereo_ros.estimate.views.masks import grown
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.depth import points_from_depth
from foundation_stereo_ros.shapes import Mask, Matrix

_IN_FRONT = 0.999  # of a surface's depth: nearer than this counts as before it
_SILHOUETTE = 2  # pixels that a point may lie outside of another view's foreground


class PlacedDepth(NamedTuple):
    """A view with its place in the world.

    Attributes:
        camera: of the depth's grid.
        pose: 4 x 4, camera to world.
        depth: H x W, along the optical axis.
        confidence: H x W; 0 outside of the mask.
    """

    camera: Camera
    pose: Matrix
    depth: Floats
    confidence: Floats


def dense_depth(view: CanonicalView, anchor_depths: Floats, stretch: float) -> Floats:
    """Return the depth of each pixel, H x W, by its block's anchor.

    Args:
        view: has the depths relative to the anchors.
        anchor_depths: blocks; in the unit of the scene.
        stretch: focal length at the start divided by that of the result: relief shrinks as it grows.
    """
    blocks = view.anchors.blocks()
    relative = view.relative / view.relative.ravel()[view.anchors.pixels][blocks]
    return np.asarray(anchor_depths[blocks] * (1 + (relative - 1) * stretch), np.float32)


def world_points(camera: Camera, pose: Matrix, depth: Floats) -> Floats:
    """Return the point of each pixel in the world, H x W x 3."""
    points = points_from_depth(depth, camera) @ pose[:3, :3].T + pose[:3, 3]
    return np.asarray(points, np.float32)


def cleaned(views: Sequence[PlacedDepth]) -> list[Floats]:
    """Return confidences, H x W each, that are 0 where a point hides a surface that another view is surer of.

    View by view, each with what is left of the others: the order of the views matters a little.
    """
    left = [view.confidence.copy() for view in views]
    for index, view in enumerate(views):
        points = world_points(view.camera, view.pose, view.depth)
        for other, seen in enumerate(views):
            if other == index:
                continue
            rows = np.flatnonzero(left[index])
            place, depth, pixel = _seen_by(seen.camera, seen.pose, points.reshape(-1, 3)[rows])
            rows = rows[place]
            front = depth < _IN_FRONT * seen.depth.ravel()[pixel]
            doubtful = left[index].ravel()[rows] < left[other].ravel()[pixel]
            left[index].ravel()[rows[front & doubtful]] = 0
    return left


def carved(views: Sequence[PlacedDepth], masks: Sequence[Mask]) -> list[Floats]:
    """Return confidences, H x W each, that are 0 where a point lies on another view's background.

    Args:
        views: of one scene.
        masks: the complete foreground of each; two pixels more are allowed.
    """
    wide = [grown(mask, _SILHOUETTE).ravel() for mask in masks]
    left = [view.confidence.copy() for view in views]
    for index, view in enumerate(views):
        points = world_points(view.camera, view.pose, view.depth).reshape(-1, 3)
        for other, seen in enumerate(views):
            if other != index:
                rows = np.flatnonzero(left[index])
                place, _, pixel = _seen_by(seen.camera, seen.pose, points[rows])
                left[index].ravel()[rows[place][~wide[other][pixel]]] = 0
    return left


def _seen_by(
    camera: Camera, pose: Matrix, points: Floats
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.floating], npt.NDArray[np.int64]]:
    """Which of the points the camera sees, their depths, and the nearest pixels as flat indices."""
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    depth = local[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.rint(local[:, 0] / depth * camera.fx + camera.cx)
        v = np.rint(local[:, 1] / depth * camera.fy + camera.cy)
    inside = (depth > 0) & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    place = np.flatnonzero(inside).astype(np.int64)
    pixel = v[place].astype(np.int64) * camera.width + u[place].astype(np.int64)
    return place, depth[place], pixel
