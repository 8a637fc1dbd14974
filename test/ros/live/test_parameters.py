# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.ros.live.config import LiveConfig
from foundation_stereo_ros.ros.live.parameters import ALL_SETTINGS, in_its_type, judge, misspelled


def test_what_is_not_given_keeps_its_default() -> None:
    configs = judge({"z_far": 20.0, "slop": 0.5, "point_cloud.organized": False})
    assert configs.pipeline == PipelineConfig(z_far=20.0, organized=False)
    assert configs.live == LiveConfig(slop=0.5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"z_far": -1.0}, "z_far is -1.0"), ({"queue_size": 0}, "queue_size is 0"), ({"z_near": 9e3}, "z_near")],
)
def test_values_are_judged_together(values: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        judge(values)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("z_far", 20, 20.0),
        ("rectification", True, "on"),
        ("rectification", False, "off"),
        ("confidence", True, True),
        ("device", True, True),
        ("iterations", 3, 3),
    ],
)
def test_what_yaml_took_for_another_type(name: str, value: object, meant: object) -> None:
    found = in_its_type(ALL_SETTINGS[name], value)
    assert (found, type(found)) == (meant, type(meant))


def test_misspelled_names_are_told() -> None:
    told = misspelled(["zfar", "z_far", "use_sim_time", "iteration"])
    assert told == [
        "there is no parameter zfar; did you mean z_far?",
        "there is no parameter iteration; did you mean iterations?",
    ]
