# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging

import numpy as np
import pytest

from foundation_stereo_ros.errors import CalibrationError, ImageError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.rectification import StereoRectification, common_size, says_rectified
from foundation_stereo_ros.geometry.calibration import Calibration

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
