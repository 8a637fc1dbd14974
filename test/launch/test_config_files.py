# SPDX-License-Identifier: Apache-2.0
"""The YAML files of config/ say what the code says; no ROS needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from stereo_yaml import entry

from foundation_stereo_ros.estimate.config import PipelineConfig, settings
from foundation_stereo_ros.estimate.setting import Setting, settings_of
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.ros.live.config import StereoLiveConfig, VideoLiveConfig
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS

CONFIG = Path(__file__).parents[2] / "config"
CAMERAS = sorted((CONFIG / "cameras").glob("*.yaml"))
SETTINGS = (*settings(), *settings_of(StereoLiveConfig))
FILES = {"stereo": SETTINGS, "video": (*settings_of(VideoSettings), *settings_of(VideoLiveConfig))}
WRITTEN = [(system, setting) for system, listed in FILES.items() for setting in listed]


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the parameters of a file by their full names."""
    values: dict[str, Any] = {}
    for key, value in tree.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return values


@pytest.mark.parametrize(("system", "setting"), WRITTEN, ids=lambda value: getattr(value, "name", value))
def test_every_setting_is_written_with_its_default_meaning_and_range(system: str, setting: Setting) -> None:
    expected = "\n".join(["", *entry(setting), ""])
    text = (CONFIG / f"{system}.yaml").read_text(encoding="utf-8")
    assert expected in text, f"config/{system}.yaml should have, between blank lines:\n{expected}"


@pytest.mark.parametrize("system", FILES)
def test_the_parameter_file_has_all_defaults_and_nothing_else(system: str) -> None:
    tree = yaml.safe_load((CONFIG / f"{system}.yaml").read_text(encoding="utf-8"))
    values = flat(tree["/**"]["ros__parameters"])
    assert values == {setting.parameter: setting.default for setting in FILES[system]}
    # Types too: 20 for a float is a refused parameter.
    assert {n: type(value) for n, value in values.items()} == {s.parameter: s.type for s in FILES[system]}


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
    StereoLiveConfig.from_mapping({name: value for name, value in values.items() if name not in pipeline})


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


def test_rviz_of_video_shows_topics_that_there_are() -> None:
    tree = yaml.safe_load((CONFIG / "video.rviz").read_text(encoding="utf-8"))
    displays = tree["Visualization Manager"]["Displays"]
    shown = {display["Topic"]["Value"] for display in displays if "Topic" in display}
    assert shown == {"/video/image", "/video/points2", "/video/depth/image_rect", "/video/confidence"}
