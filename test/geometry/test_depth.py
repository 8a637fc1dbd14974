# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.geometry.depth import depth_to_disparity, disparity_to_depth

CAMERA = Camera(4, 2, 500.0, 500.0, 1.5, 0.5)
STEREO = StereoRig(CAMERA, CAMERA, 0.1)
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
