# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import settings
from foundation_stereo_ros.ros.live.config import LiveConfig, live_settings


def test_every_setting_explains_itself_and_its_default_is_in_range() -> None:
    for setting in live_settings():
        assert setting.description.endswith("."), setting.name
        assert setting.checked(setting.default) == setting.default


def test_names_are_not_those_of_the_pipeline() -> None:
    """Both become parameters of one node."""
    assert not {s.parameter for s in live_settings()} & {s.parameter for s in settings()}


def test_the_tolerance_is_that_of_the_slop_only_with_approximate_sync() -> None:
    assert LiveConfig(slop=0.5).tolerance_ns == 0
    assert LiveConfig(approximate_sync=True, slop=0.015).tolerance_ns == 15_000_000
    assert LiveConfig(approximate_sync=True, slop=0.0).tolerance_ns == 0


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
        LiveConfig.from_mapping(values)
