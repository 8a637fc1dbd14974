# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest

from foundation_stereo_ros.errors import CalibrationError, ImageError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.estimate.stereo.rectification import (
    StereoRectification,
    common_size,
    says_rectified,
)
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.scenes.layered.painter import LayeredScenes, paint

SIZE = (64, 48)
IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def calibration(tx: float = 0.0, distortion: float = 0.0) -> Calibration:
    k = np.array(((50.0, 0, 31.5), (0, 50, 23.5), (0, 0, 1)))
    p = np.hstack((k, [[tx], [0], [0]]))
    d = np.array((distortion, 0, 0, 0, 0))
    return Calibration(width=64, height=48, distortion_model="plumb_bob", d=d, k=k, r=np.eye(3), p=p)


def rectification(
    distortion: float = 0.0, mode: str = "auto", rectified: bool | None = None, baseline: float = 0.0
) -> StereoRectification:
    config = PipelineConfig(rectification=mode, baseline=baseline)
    return StereoRectification(
        calibration(0.0, distortion), calibration(-5.0, distortion), SIZE, config, rectified
    )


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("/camera/left/image_rect", True),
        ("/camera/left/image_rect_color/compressed", True),
        ("left/image_rect/compressedDepth", True),
        ("/zed/zed_node/left/color/rect/image", True),
        ("/camera/infra1/image_rect_raw", True),
        ("/left/image_raw", False),
        ("/left/image_raw/compressed", False),
        ("/zed/left_raw/image_raw_color", False),
        ("/zed/left/unrectified/image", False),
        ("/camera/left/image", None),
        ("/direct_rig/left/image", None),
        ("", None),
    ],
)
def test_a_topics_name_tells_whether_its_images_are_rectified(topic: str, expected: bool | None) -> None:
    assert says_rectified(topic) is expected


@pytest.mark.parametrize(
    ("distortion", "mode", "rectified", "active"),
    [
        (0.0, "auto", None, False),
        (-0.2, "auto", None, True),
        (-0.2, "auto", False, True),
        (-0.2, "auto", True, False),
        (-0.2, "off", None, False),
        (0.0, "on", None, True),
        (-0.2, "on", True, True),
    ],
)
def test_images_are_rectified_where_that_is_needed(
    distortion: float, mode: str, rectified: bool | None, active: bool
) -> None:
    found = rectification(distortion, mode, rectified)
    left, right = found(IMAGE, IMAGE)
    assert found.active is active
    assert left.shape == right.shape == IMAGE.shape
    assert (left is IMAGE) is (not active)
    if active and distortion:
        assert np.abs(left.astype(int) - IMAGE).mean() > 5


@pytest.mark.parametrize(
    ("mode", "rectified", "count"), [("off", None, 1), ("off", True, 0), ("auto", None, 0)]
)
def test_raw_images_left_as_they_are_give_a_warning(
    mode: str, rectified: bool | None, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        rectification(-0.2, mode, rectified)
    assert len([r for r in caplog.records if "rectification is off" in r.message]) == count


def test_the_baseline_comes_from_the_calibration_or_the_configuration() -> None:
    assert rectification().rig.baseline == pytest.approx(0.1)
    assert rectification(baseline=0.3).rig.baseline == pytest.approx(0.3)
    with pytest.raises(CalibrationError):
        StereoRectification(calibration(), calibration(), SIZE, PipelineConfig())


def test_both_images_must_have_the_size_of_the_first() -> None:
    with pytest.raises(ImageError, match="right image is 63 x 48 pixels; expected 64 x 48"):
        rectification()(IMAGE, IMAGE[:, :-1])


def test_images_of_different_sizes_are_called_that() -> None:
    left, right = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)
    assert common_size(left, left) == (6, 4)
    with pytest.raises(ImageError, match=r"^left image is 6 x 4 and right image is 5 x 4 pixels"):
        common_size(left, right)


def above(ty: float, calibration: Calibration) -> Calibration:
    p = calibration.p.copy()
    p[:2, 3] = 0.0, ty
    return dataclasses.replace(calibration, p=p)


@pytest.mark.parametrize("turns", [1, -1])
@pytest.mark.parametrize("full_resolution", [True, False])
def test_cameras_one_above_the_other_give_the_depth_of_a_turned_pair(
    turns: int, full_resolution: bool
) -> None:
    """A painted pair and its truth, turned by 90 degrees: the same depths, on the left camera's own grid."""
    height, width = 192, 320
    views = paint(LayeredScenes().compose(np.random.default_rng(1), height, width), height, width)
    upright = StereoRig.from_focal_length(120.0, 0.2, (width, height), fy=130.0, cx=166.0, cy=91.0)
    config = PipelineConfig(
        checkpoint="lean",
        device="cpu",
        scale=1.0 if full_resolution else 0.5,
        full_resolution=full_resolution,
    )
    estimator = StereoEstimator(config)
    expected = estimator(views[0].picture, views[1].picture, upright)

    camera = upright.left.turned(-turns)
    k = np.array(((camera.fx, 0, camera.cx), (0, camera.fy, camera.cy), (0, 0, 1)))
    flat = Calibration(height, width, "", np.zeros(0), k, np.eye(3), np.hstack((k, np.zeros((3, 1)))))
    rectify = StereoRectification(flat, above(-turns * camera.fy * 0.2, flat), (height, width), config)
    assert (rectify.turns, rectify.active, rectify.rig) == (turns, False, upright)
    left, right = (np.rot90(view.picture, -turns) for view in views)
    found = rectify.restored(estimator(*rectify(left, right), rectify.rig))

    np.testing.assert_array_equal(found.depth, np.rot90(expected.depth, -turns))
    np.testing.assert_array_equal(found.image, np.rot90(expected.image, -turns))
    assert found.match is None and found.valid.mean() > 0.3
    size = (height, width) if full_resolution else (height // 2, width // 2)
    assert found.camera == camera.scaled(*size)
    if full_resolution:
        # Points turn with the camera: what was right of it is below it or above it.
        x, y, z = np.moveaxis(np.rot90(expected.points(), -turns), -1, 0)
        truth = np.stack((-turns * y, turns * x, z), axis=-1)
        np.testing.assert_allclose(found.points(), truth, rtol=1e-4, atol=1e-5)
        shift = np.rot90(views[0].disparity, -turns)
        wrong = np.abs(found.depth[found.valid] - 24 / shift[found.valid]) > 0.1 * 24 / shift[found.valid]
        assert wrong.mean() < 0.15


@pytest.mark.parametrize("turns", [1, -1])
def test_of_cameras_one_above_the_other_columns_are_said_to_be_off(turns: int) -> None:
    height, width = 192, 320
    views = paint(LayeredScenes().compose(np.random.default_rng(1), height, width), height, width)
    left, right = (np.rot90(view.picture, -turns) for view in views)
    k = np.array(((120.0, 0, 95.5), (0, 120.0, 159.5), (0, 0, 1)))
    flat = Calibration(height, width, "", np.zeros(0), k, np.eye(3), np.hstack((k, np.zeros((3, 1)))))
    config = PipelineConfig(checkpoint="lean", device="cpu", scale=0.5)
    rectify = StereoRectification(flat, above(-turns * 24.0, flat), (height, width), config)
    estimator = StereoEstimator(config)
    made = estimator(*rectify(left, np.roll(right, 6, axis=1)), rectify.rig)
    (remark,) = rectify.restored(made).remarks
    assert str(remark).startswith("the second image is about 6 columns farther right than the first one")


def test_what_is_unusual_is_logged_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert rectification().oddities == ()
        odd = StereoRectification(calibration(), calibration(-3000.0), SIZE)
    (sentence,) = odd.oddities
    assert "baseline is 60 m" in sentence and [record.getMessage() for record in caplog.records] == [sentence]
