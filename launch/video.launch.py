# SPDX-License-Identifier: Apache-2.0
"""Run the node beside one camera whose poses are known.

``ros2 launch foundation_stereo_ros video.launch.py image:=/camera/image_raw rviz:=true``
"""

from pathlib import Path

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import LifecycleNode, Node

from foundation_stereo_ros.estimate.setting import settings_of
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.ros.live.config import VideoLiveConfig
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
from foundation_stereo_ros.ros.sync.camera_poses import FIXED_FRAMES

CONFIG = Path(__file__).parent.parent / "config"
ARGUMENTS = (
    ("namespace", "video", "Namespace of the node and its topics."),
    ("image", "", "Image topic. Its camera_info is expected beside it. Not given: image."),
    ("image_info", "", "camera_info topic, if it is not beside the image."),
    ("params_file", "", "YAML file with parameters; config/video.yaml lists them all."),
    ("reliable", "false", "Have lost images sent again; their publisher must be reliable too."),
    ("use_sim_time", "", "Take the time from /clock. Default: that of params_file, or false."),
    ("log_level", "info", "Log level of the node."),
    ("rviz", "false", "Also start RViz, with config/video.rviz, in fixed_frame."),
)
"""Name, default, description; what is not given is not handed on either."""
SETTINGS = {setting.name: setting for setting in (*settings_of(VideoSettings), *settings_of(VideoLiveConfig))}
HANDED_ON = (
    *("checkpoint", "image_transport", "pose_topic", "fixed_frame", "body_frame", "camera_in_body"),
    *("pose_axes", "pose_scale", "pose_gap", "tf_timeout", "every_frame", "range_scale", "save_directory"),
)
"""Settings that are launch arguments too: those that the node's log may name. A params_file has them all."""
CHOICES = {
    "reliable": SWITCH,
    "use_sim_time": ["", *SWITCH],
    "log_level": ["debug", "info", "warn", "error", "fatal"],
    "rviz": SWITCH,
}
SHOWN = ("points2", "depth/image_rect", "confidence")


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(name, default_value=value, description=text, choices=CHOICES.get(name))
        for name, value, text in ARGUMENTS
    ]
    handed_on = [setting_argument(SETTINGS[name], "that of params_file") for name in HANDED_ON]
    return LaunchDescription([*arguments, *handed_on, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[Action]:
    given = {name: argument(context, name) for name in (*(name for name, _, _ in ARGUMENTS), *HANDED_ON)}
    given["namespace"] = "/" + given["namespace"].strip("/")
    return [_video_node(given), *([_rviz(given)] if given["rviz"] == "true" else [])]


def _video_node(given: dict[str, str]) -> LifecycleNode:
    name = "video_node"
    values = given_settings((SETTINGS[name] for name in HANDED_ON), given)
    image = given["image"] or "image"
    if given["reliable"] == "true":
        values.update(reliable(image_inputs(image, given["image_info"], given)))
    files = parameter_files(CONFIG / "video.yaml", {}, given, values, absolute(name, given["namespace"]))
    remapped = [("image", image), ("camera_info", given["image_info"] or "camera_info")]
    return node_of(name, given, files, remapped)


def _rviz(given: dict[str, str]) -> Node:
    shown = {f"/video/{name}": absolute(name, given["namespace"]) for name in SHOWN}
    shown["/video/image"] = absolute(given["image"] or "image", given["namespace"])
    frame = given["fixed_frame"] or FIXED_FRAMES[0]
    return rviz_of(CONFIG / "video.rviz", frame, shown, given, given["use_sim_time"] == "true")
