# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.prediction import Prediction, StereoMatch
from foundation_stereo_ros.estimate.validity import left_right_confidence, valid_mask, why_all_invalid
from foundation_stereo_ros.geometry.camera import StereoRig

NAN, INF = float("nan"), float("inf")


def mask(shift: list[float], depth: list[float], **settings: object) -> list[bool]:
    rows = (np.array([row], np.float32) for row in (shift, depth))
    return valid_mask(*rows, PipelineConfig.from_mapping(settings))[0].tolist()


def test_depth_limits_are_included() -> None:
    depths = [1.0, 1.99, 2.0, 3.0, 4.0, 4.01]
    shift = [0.01] * 6
    expected = [False, False, True, True, True, False]
    assert mask(shift, depths, z_near=2.0, z_far=4.0, remove_invisible=False) == expected


def test_what_is_no_number_or_not_positive_is_invalid() -> None:
    shift = [NAN, INF, -INF, 0.0, -1.0, 1.0, 1.0]
    depth = [1.0, 1.0, 1.0, 1.0, 1.0, NAN, 1.0]
    assert mask(shift, depth, remove_invisible=False) == [False] * 6 + [True]


def test_points_left_of_the_right_image_are_invalid_unless_kept() -> None:
    shift, depth = [1.0, 1.0, 2.5, 2.5], [1.0] * 4
    assert mask(shift, depth) == [False, True, False, True]
    assert mask(shift, depth, remove_invisible=False) == [True] * 4


@given(st.floats(0, 7), st.floats(0.1, 5))
def test_agreeing_disparities_are_certain_where_there_is_a_counterpart(
    shift: float, threshold: float
) -> None:
    row = np.full((2, 8), shift, np.float32)
    confidence = left_right_confidence(row, row, threshold)
    inside = np.arange(8) - np.float32(shift) >= 0
    np.testing.assert_allclose(confidence, np.broadcast_to(inside, (2, 8)), atol=1e-5)


@pytest.mark.parametrize("threshold", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("sign", [-1, 1])
def test_confidence_halves_with_each_threshold(threshold: float, sign: int) -> None:
    left = np.full((1, 12), 4, np.float32)
    error = np.float32(sign * threshold) * np.array([0, 1, 2], np.float32)
    for difference, expected in zip(error, (1, 0.5, 0.25), strict=True):
        confidence = left_right_confidence(left, left + difference, threshold)
        np.testing.assert_allclose(confidence[0, 4:], expected, rtol=1e-5)


def test_the_right_map_is_read_at_the_counterpart_between_its_pixels() -> None:
    left = np.full((1, 6), 1.5, np.float32)
    right = np.array([[1.0, 2.0, 9.0, 9.0, 9.0, 9.0]], np.float32)
    confidence = left_right_confidence(left, right, 1.0)
    assert confidence[0, :2].tolist() == [0, 0]
    assert confidence[0, 2] == pytest.approx(1.0)  # reads (1 + 2) / 2
    assert confidence[0, 3] == pytest.approx(2.0 ** -(5.5 - 1.5))  # reads (2 + 9) / 2


def test_what_is_no_number_has_no_confidence() -> None:
    left = np.array([[NAN, INF, -INF, 1.0, 1.0, 1.0]], np.float32)
    right = np.array([[1.0, 1.0, NAN, 1.0, 1.0, 1.0]], np.float32)
    assert left_right_confidence(left, right, 1.0)[0].tolist() == [0, 0, 0, 0, 1, 1]


def test_one_column_and_negative_disparities_do_no_harm() -> None:
    assert left_right_confidence(
        np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32), 1.0
    ).tolist() == [[1], [1]]
    assert (
        left_right_confidence(np.full((1, 3), -1, np.float32), np.full((1, 3), -1, np.float32), 1.0)[0, 2]
        == 0
    )


@pytest.mark.parametrize(
    ("disparity", "baseline", "words"),
    [
        (20.0, 60.0, "with a baseline of 60 m the median depth is 1.5e+03 m, more than z_far, 100 m"),
        (20.0, 0.00012, "a baseline of 0.00012 m the median depth is 0.003 m, less than z_near, 0.1 m"),
        (-3.0, 0.1, "no disparity is positive (are left and right swapped?)"),
        (20.0, 0.1, "no pixel is within z_near and z_far with a counterpart in the right image"),
    ],
)
def test_why_no_pixel_is_valid(disparity: float, baseline: float, words: str) -> None:
    rig = StereoRig.from_focal_length(500.0, baseline, (4, 3))
    nothing = np.full((3, 4), NAN, np.float32)
    match = StereoMatch(np.full((3, 4), disparity, np.float32), rig)
    prediction = Prediction(np.zeros((3, 4, 3), np.uint8), nothing, rig.left, match=match)
    assert words in why_all_invalid(prediction, PipelineConfig())
    assert (
        why_all_invalid(dataclasses.replace(prediction, match=None), PipelineConfig())
        == "every pixel is invalid"
    )
