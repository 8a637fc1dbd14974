# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import settings
from foundation_stereo_ros.estimate.setting import settings_of
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.ros.live.config import StereoLiveConfig, VideoLiveConfig


def test_every_setting_explains_itself_and_its_default_is_in_range() -> None:
    for setting in (*settings_of(StereoLiveConfig), *settings_of(VideoLiveConfig)):
        assert setting.description.endswith("."), setting.name
        assert setting.checked(setting.default) == setting.default


def test_names_are_not_those_of_the_pipeline() -> None:
    """Both become parameters of one node."""
    assert not {s.parameter for s in settings_of(StereoLiveConfig)} & {s.parameter for s in settings()}
    video = {s.parameter for s in settings_of(VideoSettings)}
    assert not {s.parameter for s in settings_of(VideoLiveConfig)} & video


def test_the_tolerance_is_that_of_the_slop_only_with_approximate_sync() -> None:
    assert StereoLiveConfig(slop=0.5).tolerance_ns == 0
    assert StereoLiveConfig(approximate_sync=True, slop=0.015).tolerance_ns == 15_000_000
    assert StereoLiveConfig(approximate_sync=True, slop=0.0).tolerance_ns == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"slop": -0.1}, "slop is -0.1; expected a number from 0 to 1 s"),
        ({"queue_size": 0}, "queue_size is 0"),
        ({"image_transport": "theora"}, "expected one of raw, compressed"),
        ({"publish_rate_limit": float("nan")}, "publish_rate_limit is nan"),
        ({"autostart": 1}, "expected true or false"),
        ({"speed": 1}, "unknown setting 'speed'; expected one of approximate_sync"),
    ],
)
def test_bad_values_are_refused_with_what_was_expected(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StereoLiveConfig.from_mapping(values)


def test_a_place_on_the_body_is_a_pose() -> None:
    mount = VideoLiveConfig(camera_in_body="0.1 0 0.2 0 0 0 2").mount
    assert mount is not None and mount[:3, 3].tolist() == [0.1, 0.0, 0.2]
    assert VideoLiveConfig().mount is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", "expected seven numbers"),
        ("a b c d e f g", "expected seven numbers"),
        ("0 0 0 0 0 0 0", "camera_in_body is '0 0 0 0 0 0 0': a pose is"),
    ],
)
def test_another_place_is_refused_at_once(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VideoLiveConfig(camera_in_body=text)
