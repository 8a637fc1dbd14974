# SPDX-License-Identifier: Apache-2.0
"""The YAML files of config/ say what the code says; no ROS needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from stereo_yaml import entry

from foundation_stereo_ros.estimate.config import PipelineConfig, settings
from foundation_stereo_ros.estimate.setting import Setting
from foundation_stereo_ros.ros.live.config import LiveConfig, live_settings
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS

CONFIG = Path(__file__).parents[2] / "config"
CAMERAS = sorted((CONFIG / "cameras").glob("*.yaml"))
SETTINGS = (*settings(), *live_settings())


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the parameters of a file by their full names."""
    values: dict[str, Any] = {}
    for key, value in tree.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return values


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_written_with_its_default_meaning_and_range(setting: Setting) -> None:
    expected = "\n".join(["", *entry(setting), ""])
    text = (CONFIG / "stereo.yaml").read_text(encoding="utf-8")
    assert expected in text, f"config/stereo.yaml should have, between blank lines:\n{expected}"


def test_the_parameter_file_has_all_defaults_and_nothing_else() -> None:
    tree = yaml.safe_load((CONFIG / "stereo.yaml").read_text(encoding="utf-8"))
    values = flat(tree["/**"]["ros__parameters"])
    assert values == {setting.parameter: setting.default for setting in SETTINGS}
    # Types too: 20 for a float is a refused parameter.
    assert {name: type(value) for name, value in values.items()} == {s.parameter: s.type for s in SETTINGS}


@pytest.mark.parametrize("path", CAMERAS, ids=lambda path: path.stem)
def test_camera_presets_are_well_formed(path: Path) -> None:
    preset = yaml.safe_load(path.read_text(encoding="utf-8"))
    topics = [preset[key] for key in ("left", "right", "left_info", "right_info") if key in preset]
    assert all(isinstance(topic, str) and " " not in topic and "//" not in topic for topic in topics)
    assert preset["left"] != preset["right"]
    assert "optical" in preset["optical_frame"]
    names = {setting.parameter: setting.name for setting in SETTINGS}
    values = {names[parameter]: value for parameter, value in preset.get("parameters", {}).items()}
    pipeline = {setting.name for setting in settings()}
    PipelineConfig.from_mapping({name: value for name, value in values.items() if name in pipeline})
    LiveConfig.from_mapping({name: value for name, value in values.items() if name not in pipeline})


def test_there_is_a_preset_for_each_family() -> None:
    assert [path.stem for path in CAMERAS] == ["generic", "oak", "realsense", "zed"]


def test_rviz_shows_topics_that_there_are() -> None:
    tree = yaml.safe_load((CONFIG / "stereo.rviz").read_text(encoding="utf-8"))
    displays = tree["Visualization Manager"]["Displays"]
    shown = {display["Topic"]["Value"]: display["Class"] for display in displays if "Topic" in display}
    assert shown == {
        "/stereo/points2": "rviz_default_plugins/PointCloud2",
        "/stereo/left/image_rect": "rviz_default_plugins/Image",
        "/stereo/disparity/visual": "rviz_default_plugins/Image",
        "/stereo/depth/image_rect": "rviz_default_plugins/Image",
    }
    assert {topic.removeprefix("/stereo/") for topic in shown} <= {"left/image_rect", *OUTPUTS}
