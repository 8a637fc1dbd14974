# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.live.parameter_file import read_parameters

NODE = "/rig/stereo_node"


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
