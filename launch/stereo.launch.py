# SPDX-License-Identifier: Apache-2.0
"""Run the node beside a stereo camera.

``ros2 launch foundation_stereo_ros stereo.launch.py camera:=realsense rviz:=true``
"""

from pathlib import Path
from typing import Any

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch_ros.actions import LifecycleNode, Node

from foundation_stereo_ros.estimate.config import settings
from foundation_stereo_ros.estimate.setting import settings_of
from foundation_stereo_ros.io.documents import read_yaml
from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.node.launching import (
    SWITCH,
    absolute,
    argument,
    given_settings,
    image_inputs,
    node_of,
    parameter_files,
    reliable,
    rviz_of,
    setting_argument,
)

CONFIG = Path(__file__).parent.parent / "config"
PRESETS = sorted(path.stem for path in (CONFIG / "cameras").glob("*.yaml"))
INPUTS = {
    "left": "left/image_rect",
    "right": "right/image_rect",
    "left_info": "left/camera_info",
    "right_info": "right/camera_info",
}
"""Argument, and key of a preset -> the node's topic."""
# Optical axes (z forward, y down; REP 103) to x forward, z up.
UPRIGHT = ["--qx", "0.5", "--qy", "-0.5", "--qz", "0.5", "--qw", "0.5"]
ARGUMENTS = (
    ("namespace", "stereo", "Namespace of the node and its topics. A second rig needs another one."),
    ("camera", "generic", "Driver whose topics to use, see config/cameras. generic: left/image_rect ..."),
    ("left", "", "Left image topic, instead of the preset's. Its camera_info is expected beside it."),
    ("right", "", "Right image topic."),
    ("left_info", "", "Left camera_info topic, if it is not beside the image."),
    ("right_info", "", "Right camera_info topic, if it is not beside the image."),
    ("params_file", "", "YAML file with parameters; config/stereo.yaml lists them all."),
    ("reliable", "false", "Have lost images sent again; their publishers must be reliable too."),
    ("use_sim_time", "", "Take the time from /clock. Default: that of params_file, or false."),
    ("log_level", "info", "Log level of the node."),
    ("rviz", "false", "Also start RViz, with config/stereo.rviz."),
    ("fixed_frame", "", "Of RViz, best with z up. Not given: a new one, at the left camera."),
    ("optical_frame", "", "frame_id of the left images, for that new frame. Not given: the camera's."),
)
"""Name, default, description; what is not given is not handed on either."""
SETTINGS = {setting.name: setting for setting in (*settings(), *settings_of(StereoLiveConfig))}
HANDED_ON = (
    *("checkpoint", "image_transport", "approximate_sync", "slop", "queue_size", "rectification", "baseline"),
    *("confidence", "memory_budget", "save_directory"),
)
"""Settings that are launch arguments too: those that the node's log may name. A params_file has them all."""
CHOICES = {
    "camera": PRESETS,
    "reliable": SWITCH,
    "use_sim_time": ["", *SWITCH],
    "log_level": ["debug", "info", "warn", "error", "fatal"],
    "rviz": SWITCH,
}


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(name, default_value=value, description=text, choices=CHOICES.get(name))
        for name, value, text in ARGUMENTS
    ]
    handed_on = [setting_argument(SETTINGS[name], "that of camera or params_file") for name in HANDED_ON]
    return LaunchDescription([*arguments, *handed_on, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[Action]:
    given = {name: argument(context, name) for name in (*(name for name, _, _ in ARGUMENTS), *HANDED_ON)}
    given["namespace"] = "/" + given["namespace"].strip("/")
    preset = _preset(given["camera"])
    topics = _inputs(preset, given)
    given["optical_frame"] = given["optical_frame"] or preset.get("optical_frame", "")
    rviz = _rviz(topics, given) if given["rviz"] == "true" else []
    return [_stereo_node(preset, topics, given), *rviz]


def _preset(name: str) -> dict[str, Any]:
    """Read and check a file of config/cameras."""
    path = CONFIG / "cameras" / f"{name}.yaml"
    preset = read_yaml(path) or {}
    keys = {*INPUTS, "optical_frame", "parameters"}
    parameters = {setting.parameter for setting in SETTINGS.values()}
    named = preset.get("parameters", {})
    for what, found, known in (("key", preset, keys), ("parameter", named, parameters)):
        for wrong in sorted(set(found) - known):
            raise RuntimeError(f"{path}: no {what} is called {wrong}; expected {', '.join(sorted(known))}")
    return preset


def _inputs(preset: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """Return argument -> topic: those given; the preset's only where no image topic is given."""
    if bool(given["left"]) != bool(given["right"]):
        one, other = ("left", "right") if given["left"] else ("right", "left")
        raise RuntimeError(f"{one}:={given[one]} is given and {other} is not; expected both or neither")
    chosen = {} if given["left"] else {key: preset[key] for key in INPUTS if key in preset}
    return {**chosen, **{key: given[key] for key in INPUTS if given[key]}}


def _stereo_node(preset: dict[str, Any], topics: dict[str, str], given: dict[str, str]) -> LifecycleNode:
    name = "stereo_node"
    values = given_settings((SETTINGS[name] for name in HANDED_ON), given)
    if given["reliable"] == "true":
        values.update(reliable(_all_inputs(topics, given)))
    node = absolute(name, given["namespace"])
    files = parameter_files(CONFIG / "stereo.yaml", preset.get("parameters", {}), given, values, node)
    return node_of(name, given, files, [(INPUTS[key], topic) for key, topic in topics.items()])


def _all_inputs(topics: dict[str, str], given: dict[str, str]) -> list[str]:
    """Return the full names of the four inputs."""
    return [
        name
        for side in ("left", "right")
        for name in image_inputs(topics.get(side, INPUTS[side]), topics.get(f"{side}_info", ""), given)
    ]


def _rviz(topics: dict[str, str], given: dict[str, str]) -> list[Action]:
    frame = given["fixed_frame"] or absolute("view", given["namespace"])[1:].replace("/", "_")
    # A frame of our own has no time, and in simulated time RViz goes blank at each loop of a replay.
    simulated = given["use_sim_time"] == "true" and bool(given["fixed_frame"])
    rviz = rviz_of(CONFIG / "stereo.rviz", frame, _shown(topics, given["namespace"]), given, simulated)
    return [rviz] if given["fixed_frame"] else [rviz, *_upright(frame, given)]


def _upright(frame: str, given: dict[str, str]) -> list[Action]:
    """Make a frame with z up, as a child of the camera's, so that the robot's own tree stays as it is."""
    turned = Node(
        package="tf2_ros",
        executable="static_transform_publisher",
        name="view_frame",
        namespace=given["namespace"],
        arguments=["--frame-id", given["optical_frame"], "--child-frame-id", frame, *UPRIGHT],
        output="log",
    )
    said = f"RViz looks from {given['optical_frame']}; other left images need optical_frame:=FRAME_ID"
    return [turned, LogInfo(msg=said)]


def _shown(topics: dict[str, str], namespace: str) -> dict[str, str]:
    """Return the topics in config/stereo.rviz, which are those of the namespace /stereo -> those to show."""
    names = ("points2", "depth/image_rect", "disparity/visual")
    shown = {f"/stereo/{name}": absolute(name, namespace) for name in names}
    shown["/stereo/left/image_rect"] = absolute(topics.get("left", INPUTS["left"]), namespace)
    return shown
