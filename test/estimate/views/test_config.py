# SPDX-License-Identifier: Apache-2.0
"""Settings of the alignment: each has a meaning and a range."""

from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.setting import settings_of
from foundation_stereo_ros.estimate.views.config import AlignmentSettings


def test_every_setting_tells_what_it_means() -> None:
    for setting in settings_of(AlignmentSettings):
        assert setting.description.endswith(".")
        assert setting.choices or setting.type in (bool, str) or None not in (setting.min, setting.max)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("graph", "ring", "graph is 'ring'; expected complete, swin-3"),
        ("train_intrinsics", "some", "train_intrinsics is 'some'; expected one of auto, fixed, own"),
        ("min_matches", -1, "min_matches is -1; expected a whole number from 0"),
        ("max_turn", 500.0, "max_turn is 500.0; expected a number from 0 to 180 deg"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        AlignmentSettings.from_mapping({name: value})
