# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.live.parameters import (
    STEREO,
    in_its_type,
    read_parameters,
)

NODE = "/rig/stereo_node"


def test_what_is_not_given_keeps_its_default() -> None:
    configs = STEREO.judge({"z_far": 20.0, "slop": 0.5, "point_cloud.organized": False})
    assert configs.pipeline == PipelineConfig(z_far=20.0, organized=False)
    assert configs.live == StereoLiveConfig(slop=0.5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"z_far": -1.0}, "z_far is -1.0"), ({"queue_size": 0}, "queue_size is 0"), ({"z_near": 9e3}, "z_near")],
)
def test_values_are_judged_together(values: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        STEREO.judge(values)


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
    found = in_its_type(STEREO.settings[name], value)
    assert (found, type(found)) == (meant, type(meant))


def test_misspelled_names_are_told() -> None:
    told = STEREO.misspelled(["zfar", "z_far", "use_sim_time", "iteration"])
    assert told == [
        "there is no parameter zfar; did you mean z_far?",
        "there is no parameter iteration; did you mean iterations?",
    ]


def read(folder: Path, text: str, node: str = NODE) -> dict[str, Any]:
    path = folder / "mine.yaml"
    path.write_text(text)
    return read_parameters(path, node)


@pytest.mark.parametrize("name", ["/**", "/rig/stereo_node", "/*/stereo_node", "/rig/*", "/**/stereo_node"])
def test_sections_for_this_node(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, f"{name}:\n  ros__parameters:\n    z_far: 20.0\n") == {"z_far": 20.0}


def test_names_in_each_other(tmp_path: Path) -> None:
    text = "/rig:\n  stereo_node:\n    ros__parameters:\n      point_cloud:\n        organized: false\n"
    assert read(tmp_path, text) == {"point_cloud.organized": False}


def test_later_sections_win(tmp_path: Path) -> None:
    text = "/**:\n  ros__parameters: {a: 1, b: 2}\n/other:\n  ros__parameters: {a: 5}\n"
    text += "/rig/stereo_node:\n  ros__parameters: {b: 3}\n"
    assert read(tmp_path, text) == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "stereo_node:\n  ros__parameters: {a: 1}\n",
            "of /stereo_node; expected those of /rig/st",
        ),
        ("z_far: 20.0\n", "holds no parameters; expected a section like"),
        ("- 1\n", "holds no parameters"),
        ("a: [\n", "is not YAML"),
    ],
)
def test_files_that_hold_nothing_for_it(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        read(tmp_path, text)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.yaml: No such file"):
        read_parameters(tmp_path / "none.yaml", NODE)
