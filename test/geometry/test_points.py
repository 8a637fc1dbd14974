# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.points import points_from_depth

CAMERA = Camera(7, 5, 4.0, 8.0, 3.0, 2.0)


def test_axes_are_right_down_and_forward() -> None:
    points = points_from_depth(np.full((5, 7), 2.0, np.float32), CAMERA)
    np.testing.assert_allclose(points[2, 3], (0, 0, 2))
    np.testing.assert_allclose(points[2, 5], (1, 0, 2))
    np.testing.assert_allclose(points[4, 3], (0, 0.5, 2))
    assert points.dtype == np.float32
    assert points[..., 0].flags.c_contiguous  # plane by plane


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_unknown_depth_makes_all_three_unknown(unknown: float) -> None:
    depth = np.full((5, 7), 2.0, np.float32)
    depth[1, 2] = unknown
    points = points_from_depth(depth, CAMERA)
    assert np.isnan(points[1, 2]).all()
    assert np.isnan(points).sum() == 3
    assert depth[1, 2] == unknown or np.isnan(unknown)


@given(st.floats(0.1, 100), st.floats(100, 2000), st.floats(-500, 500), st.floats(-500, 500))
def test_points_project_to_their_pixels(depth: float, focal: float, cx: float, cy: float) -> None:
    camera = Camera(6, 4, focal, focal * 1.1, cx, cy)
    x, y, z = np.moveaxis(points_from_depth(np.full((4, 6), depth, np.float32), camera), -1, 0)
    rows, columns = np.mgrid[:4, :6]
    np.testing.assert_allclose(camera.fx * x / z + cx, columns, atol=2e-3)
    np.testing.assert_allclose(camera.fy * y / z + cy, rows, atol=2e-3)


def test_the_grids_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(5, 6\); expected \(5, 7\)"):
        points_from_depth(np.ones((5, 6), np.float32), CAMERA)
