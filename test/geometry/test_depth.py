# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.geometry.depth import depth_to_disparity, disparity_to_depth, points_from_depth

CAMERA = Camera(4, 2, 500.0, 500.0, 1.5, 0.5)
STEREO = StereoRig(CAMERA, CAMERA, 0.1)
VIEW = Camera(7, 5, 4.0, 8.0, 3.0, 2.0)
FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


def test_depth_is_focal_length_times_baseline_over_disparity() -> None:
    depth = disparity_to_depth(np.array(((50.0, 25, 0.5, 5),), np.float32), STEREO)
    np.testing.assert_allclose(depth, ((1, 2, 100, 10),))
    assert depth.dtype == np.float32


def test_shifted_principal_points_are_not_taken_off_again() -> None:
    # Seen by cameras 30 px apart in cx, a point at 2 m lies 25 + 30 columns apart; the caller took 30 off.
    shifted = replace(STEREO, right=replace(CAMERA, cx=CAMERA.cx - 30))
    x_left = 500 * 0.3 / 2 + shifted.left.cx
    x_right = 500 * (0.3 - 0.1) / 2 + shifted.right.cx
    disparity = np.full((2, 4), x_left - x_right - shifted.doffs, np.float32)
    np.testing.assert_allclose(disparity_to_depth(disparity, shifted), 2.0)


@pytest.mark.parametrize("value", [0.0, -0.0, -3.0, np.nan, np.inf, -np.inf, 1e-45])
def test_what_is_no_disparity_has_no_depth(value: float) -> None:
    assert np.isnan(disparity_to_depth(np.array(((value,),), np.float32), STEREO)).all()


@given(hnp.arrays(np.float32, (3, 5), elements=FLOATS))
def test_depth_is_positive_or_unknown_and_never_infinite(disparity: np.ndarray) -> None:
    depth = disparity_to_depth(disparity, STEREO)
    assert ((depth >= 0) | np.isnan(depth)).all()
    assert not np.isinf(depth).any()
    ordinary = (disparity > 1e-3) & (disparity < 1e4)
    assert np.isfinite(depth[ordinary]).all()


@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(0.125, 1024, width=32)))
def test_there_and_back(disparity: np.ndarray) -> None:
    back = depth_to_disparity(disparity_to_depth(disparity, STEREO), STEREO)
    np.testing.assert_allclose(back, disparity, rtol=1e-6)


def test_depth_does_not_depend_on_the_grid() -> None:
    disparity = np.full((2, 4), 12.0, np.float32)
    small = disparity_to_depth(disparity / 2, STEREO.scaled(2, 1))
    np.testing.assert_allclose(small, disparity_to_depth(disparity, STEREO), rtol=1e-6)


def test_the_input_is_left_alone() -> None:
    disparity = np.array(((0.0, np.nan, 5.0),), np.float32)
    before = disparity.copy()
    disparity_to_depth(disparity, STEREO)
    np.testing.assert_array_equal(disparity, before)


def test_axes_are_right_down_and_forward() -> None:
    points = points_from_depth(np.full((5, 7), 2.0, np.float32), VIEW)
    np.testing.assert_allclose(points[2, 3], (0, 0, 2))
    np.testing.assert_allclose(points[2, 5], (1, 0, 2))
    np.testing.assert_allclose(points[4, 3], (0, 0.5, 2))
    assert points.dtype == np.float32
    assert points[..., 0].flags.c_contiguous  # plane by plane


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_unknown_depth_makes_all_three_unknown(unknown: float) -> None:
    depth = np.full((5, 7), 2.0, np.float32)
    depth[1, 2] = unknown
    points = points_from_depth(depth, VIEW)
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
    with pytest.raises(ImageError, match=r"\(5, 6\); expected \(5, 7\)"):
        points_from_depth(np.ones((5, 6), np.float32), VIEW)
