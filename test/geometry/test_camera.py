# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.errors import CalibrationError
from foundation_stereo_ros.geometry.camera import Camera, StereoRig

CAMERA = Camera(640, 480, 500.0, 510.0, 320.5, 239.5)
PAIR = StereoRig(CAMERA, replace(CAMERA, cx=310.5), 0.12)


def test_scaling_follows_the_resize_node_of_image_proc() -> None:
    # All four numbers change, not only the focal lengths.
    assert CAMERA.scaled(320, 120) == Camera(320, 120, 250.0, 127.5, 160.25, 59.875)


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_scaling_there_and_back_gives_the_same_camera(width: int, height: int) -> None:
    back = CAMERA.scaled(width, height).scaled(640, 480)
    for name in ("fx", "fy", "cx", "cy"):
        assert getattr(back, name) == pytest.approx(getattr(CAMERA, name))


def test_principal_points_difference_is_left_minus_right_and_scales() -> None:
    assert PAIR.doffs == pytest.approx(10.0)
    assert PAIR.scaled(320, 240).doffs == pytest.approx(5.0)
    assert PAIR.scaled(320, 240).baseline == PAIR.baseline


@pytest.mark.parametrize(
    ("baseline", "words"),
    [(0.0, ["0 m", "P[3]", "`baseline`"]), (-0.1, ["-0.1 m", "swap", "`baseline`"]), (float("nan"), ["nan"])],
)
def test_a_baseline_that_is_not_positive_comes_with_advice(baseline: float, words: list[str]) -> None:
    with pytest.raises(CalibrationError) as caught:
        replace(PAIR, baseline=baseline)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 320}, "640 x 480 and right camera 320 x 480"),
        ({"fx": 505.0}, "fx is 500 in the left and 505"),
        ({"fy": 505.0}, "fy is 510 in the left and 505"),
        ({"cy": 245.0}, "cy is 239.5 in the left and 245"),
    ],
)
def test_cameras_that_make_no_rectified_pair_are_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        StereoRig(CAMERA, replace(CAMERA, **changes), 0.1)


@pytest.mark.parametrize("changes", [{"width": 0}, {"height": -1}, {"fx": 0.0}, {"fy": float("inf")}])
def test_a_camera_without_size_or_focal_length_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(CalibrationError, match="expected"):
        replace(CAMERA, **changes)


def test_a_principal_point_that_is_no_number_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"principal point is \(nan"):
        replace(CAMERA, cx=float("nan"))
