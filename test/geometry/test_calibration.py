# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from foundation_stereo_ros.errors import CalibrationError
from foundation_stereo_ros.geometry.calibration import Calibration, stereo_camera, upright_or_turned

K = np.array(((500.0, 0, 320), (0, 500, 240), (0, 0, 1)))


def calibration(tx: float = 0.0, **changes: object) -> Calibration:
    p = np.hstack((K, ((tx,), (0,), (0,))))
    plain = Calibration(640, 480, "plumb_bob", np.zeros(5), K, np.eye(3), p)
    return replace(plain, **changes)


def test_baseline_is_minus_p3_over_p0_of_the_right_camera() -> None:
    stereo = stereo_camera(calibration(), calibration(-60.0), image_size=(640, 480))
    assert stereo.baseline == pytest.approx(0.12)
    assert (stereo.left.fx, stereo.left.cx, stereo.left.cy) == (500, 320, 240)


def test_a_rig_whose_origin_is_not_the_left_camera() -> None:
    stereo = stereo_camera(calibration(30.0), calibration(-30.0), image_size=(640, 480))
    assert stereo.baseline == pytest.approx(0.12)


@pytest.mark.parametrize(("left", "right", "advice"), [(0, 0, "P[3]"), (0, 60, "swap"), (-60, 0, "swap")])
def test_zero_and_negative_baselines_are_refused_with_advice(left: float, right: float, advice: str) -> None:
    with pytest.raises(CalibrationError) as caught:
        stereo_camera(calibration(left), calibration(right), image_size=(640, 480))
    assert advice in str(caught.value)
    assert "`baseline`" in str(caught.value)


@pytest.mark.parametrize("tx", [-60.0, 45.0])
def test_the_same_p3_in_both_cameras_is_called_that(tx: float) -> None:
    sentence = (
        rf"^P\[3\] is {tx:g} in the left and {tx:g} in the right camera_info, which puts both cameras "
        rf"at the same place; .* in metres: {abs(tx) / 500:g} if the right one is correct$"
    )
    with pytest.raises(CalibrationError, match=sentence):
        stereo_camera(calibration(tx), calibration(tx), image_size=(640, 480))
    assert (
        stereo_camera(calibration(tx), calibration(tx), image_size=(640, 480), baseline=0.1).baseline == 0.1
    )


@pytest.mark.parametrize("tx", [0.0, 60.0, -99.0])
def test_a_given_baseline_overrides_the_calibration(tx: float) -> None:
    stereo = stereo_camera(calibration(), calibration(tx), image_size=(640, 480), baseline=0.2)
    assert stereo.baseline == 0.2


@pytest.mark.parametrize("baseline", [0.0, -0.1])
def test_a_given_baseline_must_be_positive_too(baseline: float) -> None:
    with pytest.raises(CalibrationError):
        stereo_camera(calibration(), calibration(-60.0), image_size=(640, 480), baseline=baseline)


def test_p_counts_and_not_k() -> None:
    other = K * 1.5
    stereo = stereo_camera(calibration(k=other), calibration(-60.0, k=other), image_size=(640, 480))
    assert stereo.left.fx == 500


def test_binning_divides_and_keeps_the_baseline() -> None:
    binned = {"binning_x": 2, "binning_y": 4}
    left, right = calibration(**binned), calibration(-60.0, **binned)
    stereo = stereo_camera(left, right, image_size=(320, 120))
    camera = stereo.left
    assert (camera.fx, camera.cx, camera.fy, camera.cy) == (250, 160, 125, 60)
    assert stereo.baseline == pytest.approx(0.12)


@pytest.mark.parametrize("binning", [0, 1])
def test_binning_zero_is_one(binning: int) -> None:
    k, p = calibration(-60.0, binning_x=binning, binning_y=binning).matrices_for((640, 480))
    np.testing.assert_array_equal(k, K)
    assert p[0, 3] == -60


def test_a_region_moves_the_principal_point_before_binning() -> None:
    found = calibration(-60.0, roi=(100, 40, 400, 200), binning_x=2, binning_y=2)
    k, p = found.matrices_for((200, 100))
    np.testing.assert_allclose(k, ((250, 0, 110), (0, 250, 100), (0, 0, 1)))
    np.testing.assert_allclose(p, ((250, 0, 110, -30), (0, 250, 100, 0), (0, 0, 1, 0)))


def test_a_region_of_the_whole_image_changes_nothing() -> None:
    _, p = calibration(-60.0, roi=(0, 0, 640, 480)).matrices_for((640, 480))
    np.testing.assert_array_equal(p, calibration(-60.0).p)


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (2, 3), (3, 3)])
def test_an_incomplete_last_bin_may_be_kept_or_dropped(size: tuple[int, int]) -> None:
    odd = calibration(width=5, height=5, binning_x=2, binning_y=2)
    assert odd.matrices_for(size)[0][0, 0] == 250


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, (320, 240)),
        ({}, (640, 481)),
        ({"binning_x": 2, "binning_y": 2}, (640, 480)),
        ({"roi": (0, 0, 320, 240)}, (640, 480)),
        ({"binning_x": 2, "binning_y": 2}, (319, 240)),
        ({"width": 1, "height": 1, "binning_x": 2, "binning_y": 2}, (0, 0)),
    ],
)
def test_an_image_size_that_nothing_explains_is_refused(
    changes: dict[str, object], size: tuple[int, int]
) -> None:
    with pytest.raises(CalibrationError, match=f"the image has {size[0]} x {size[1]}"):
        calibration(**changes).matrices_for(size)


def test_the_error_says_which_camera() -> None:
    with pytest.raises(CalibrationError, match="right camera: calibration is for 320 x 480"):
        stereo_camera(calibration(), calibration(-60.0, width=320), image_size=(640, 480))


def test_an_uncalibrated_camera_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"left camera: focal lengths are fx = 0 .*calibrated\?"):
        stereo_camera(calibration(p=np.zeros((3, 4))), calibration(-60.0), image_size=(640, 480))


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, False),
        ({"d": np.zeros(0)}, False),
        ({"r": np.zeros((3, 3))}, False),
        ({"d": np.array((0, 0, 0, 0, 1e-3))}, True),
        ({"r": np.array(((1, 1e-4, 0), (-1e-4, 1, 0), (0, 0, 1)))}, True),
    ],
)
def test_distortion_or_rotation_asks_for_rectification(changes: dict[str, object], needed: bool) -> None:
    assert calibration(**changes).needs_rectification is needed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"k": np.eye(4)}, "K has shape"),
        ({"p": np.eye(3)}, "P has shape"),
        ({"r": np.zeros(9)}, "R has shape"),
        ({"d": np.zeros((1, 5))}, "D has shape"),
        ({"k": K * np.nan}, "K is .*expected finite"),
        ({"d": np.array((np.inf,))}, "D is .*expected finite"),
    ],
)
def test_malformed_matrices_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        calibration(**changes)


def stacked(ty: float, **changes: object) -> Calibration:
    return calibration(p=np.hstack((K, ((0,), (ty,), (0,)))), **changes)


@pytest.mark.parametrize(("ty", "turns"), [(-60.0, 1), (60.0, -1)])
def test_cameras_one_above_the_other_are_side_by_side_in_turned_images(ty: float, turns: int) -> None:
    narrow = np.diag((1.0, 0.9, 1.0)) @ K  # fy is 450, cy is 216
    p = [np.hstack((narrow, ((0,), (y,), (0,)))) for y in (0.0, ty)]
    rig, found = upright_or_turned(calibration(p=p[0]), calibration(p=p[1]), image_size=(640, 480))
    assert found == turns and rig.baseline == pytest.approx(60 / 450)
    camera = rig.left
    assert (camera.width, camera.height, camera.fx, camera.fy) == (480, 640, 450, 500)
    # The pixel of the principal point, marked in an image and turned with it.
    image = np.zeros((480, 640))
    image[216, 320] = 1
    assert np.argwhere(np.rot90(image, turns)).tolist() == [[camera.cy, camera.cx]]
    assert camera.turned(-turns).turned(turns) == camera


def test_a_rig_has_its_cameras_side_by_side() -> None:
    with pytest.raises(
        CalibrationError, match=r"one camera is 0\.12 m above the other .*StereoRectification"
    ):
        stereo_camera(calibration(), stacked(-60.0), image_size=(640, 480))


def test_cameras_aslant_are_refused_but_for_what_a_calibration_leaves() -> None:
    aslant = calibration(p=np.hstack((K, ((-60,), (-20,), (0,)))))
    with pytest.raises(CalibrationError, match=r"0\.12 m right of the left one and 0\.04 m below it"):
        upright_or_turned(calibration(), aslant, image_size=(640, 480))
    kitti = calibration(p=np.hstack((K, ((-339.5,), (2.2,), (0.0027,)))))
    assert stereo_camera(calibration(), kitti, image_size=(640, 480)).baseline == pytest.approx(0.679)


def test_columns_of_cameras_one_above_the_other_must_be_aligned() -> None:
    lower = stacked(-60.0)
    lower.p[0, 2] += 5
    with pytest.raises(CalibrationError, match="cx is 320 in the left and 325 in the right P"):
        upright_or_turned(calibration(), lower, image_size=(640, 480))


def test_the_baseline_in_both_cameras_is_told_from_a_missing_one() -> None:
    both = calibration(-42.0)
    with pytest.raises(
        CalibrationError, match=r"P\[3\] is -42 in the left and -42 in the right .* 0\.084 if the right"
    ):
        stereo_camera(both, both, image_size=(640, 480))
    assert stereo_camera(both, both, image_size=(640, 480), baseline=0.1).baseline == 0.1
