# SPDX-License-Identifier: Apache-2.0
"""Depth of all pixels, and points that other views contradict."""

from __future__ import annotations

import numpy as np

from foundation_stereo_ros.estimate.views.alignment.anchors import anchor_grid
from foundation_stereo_ros.estimate.views.alignment.canonical import canonical_view
from foundation_stereo_ros.estimate.views.alignment.dense import (
    PlacedDepth,
    carved,
    cleaned,
    dense_depth,
    world_points,
)
from foundation_stereo_ros.geometry.camera import Camera

CAMERA = Camera(32, 24, 30, 30, 16, 12)


def placed(depth: float, confidence: float, x: float = 0.0) -> PlacedDepth:
    pose = np.eye(4)
    pose[0, 3] = x
    shape = (24, 32)
    return PlacedDepth(
        CAMERA, pose, np.full(shape, depth, np.float32), np.full(shape, confidence, np.float32)
    )


def test_depths_at_the_start_are_the_canonical_ones() -> None:
    v, u = np.indices((16, 24))
    z = (3 + 0.02 * u + 0.05 * v).astype(np.float32)
    points = np.stack(((u - 12) / 30 * z, (v - 8) / 30 * z, z), axis=-1).astype(np.float32)
    view = canonical_view(points[None], np.full((1, 16, 24), 3, np.float32), np.ones((16, 24), bool))
    np.testing.assert_allclose(dense_depth(view, view.depths, 1.0), z, rtol=1e-4)
    # Twice the focal length: the same relief in half the depths' differences.
    doubled = dense_depth(view, np.full(6, 5, np.float32), 0.5)
    anchors = anchor_grid(np.ones((16, 24), bool)).pixels
    np.testing.assert_allclose(doubled.ravel()[anchors], 5)
    np.testing.assert_allclose(doubled[0, 0] / 5 - 1, 0.5 * (z[0, 0] / z[4, 4] - 1), rtol=1e-3)


def test_points_of_a_moved_camera() -> None:
    points = world_points(CAMERA, placed(2, 1, x=5).pose, np.full((24, 32), 2, np.float32))
    np.testing.assert_allclose(points[12, 16], (5, 0, 2), atol=1e-6)
    np.testing.assert_allclose(points[12, 31], (6, 0, 2), atol=1e-6)


def test_what_hides_a_surer_surface_goes() -> None:
    near, far = placed(1, 2), placed(2, 3)
    left = cleaned([near, far])
    assert not left[0].any()
    assert (left[1] == 3).all()  # what lies behind stays
    assert (cleaned([near._replace(confidence=far.confidence), near])[0] == 3).all()
    assert (cleaned([placed(1.9995, 2), far])[0] == 2).all()  # within a thousandth
    assert (near.confidence == 2).all()


def test_background_removes_nothing() -> None:
    wall = placed(2, 0)
    assert (cleaned([placed(1, 2), wall])[0] == 2).all()


def test_a_point_behind_the_camera_hides_nothing() -> None:
    behind = placed(1, 2)
    turned = np.diag((-1.0, 1, -1, 1))
    assert (cleaned([behind._replace(pose=turned), placed(2, 3)])[0] == 2).all()


def test_points_on_another_views_background_are_carved() -> None:
    mask = np.zeros((24, 32), bool)
    mask[8:16, 10:20] = True
    masked = placed(2, 3)._replace(confidence=np.where(mask, np.float32(3), np.float32(0)))
    left = carved([placed(2, 2), masked], [np.ones((24, 32), bool), mask])
    wide = np.zeros((24, 32), bool)
    wide[6:18, 8:22] = True  # two pixels more
    np.testing.assert_array_equal(left[0] > 0, wide)
    np.testing.assert_array_equal(left[1] > 0, mask)
