# SPDX-License-Identifier: Apache-2.0
"""Run ``foundation_stereo bag`` on a recording.

``ros2 launch foundation_stereo_ros bag.launch.py bag:=IN output:=OUT.mcap``
"""

import shlex

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch_ros.substitutions import ExecutableInPackage

from foundation_stereo_ros.estimate.config import settings
from foundation_stereo_ros.estimate.setting import Setting
from foundation_stereo_ros.ros.node.launching import argument, setting_argument


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "bag", description="recording: .mcap, .db3 or .bag file, or a rosbag2 folder"
            ),
            DeclareLaunchArgument("output", description=".mcap file to write"),
            DeclareLaunchArgument(
                "options",
                default_value="",
                description="more flags of `foundation_stereo bag`, as one string",
            ),
            # Not given by default, so that the defaults stand in PipelineConfig alone.
            *(setting_argument(setting, str(setting.default)) for setting in settings()),
            OpaqueFunction(function=_process),
        ]
    )


def _flag(setting: Setting, text: str) -> str:
    name = setting.name.replace("_", "-")
    if setting.type is bool:
        return f"--{name}" if text == "true" else f"--no-{name}"
    return f"--{name}={text}"


def _process(context: LaunchContext) -> list[ExecuteProcess]:
    texts = [(setting, argument(context, setting.name)) for setting in settings()]
    flags = [_flag(setting, text) for setting, text in texts if text]
    executable = ExecutableInPackage("foundation_stereo", "foundation_stereo_ros")
    paths = [argument(context, "bag"), "--output", argument(context, "output")]
    words = ["bag", *paths, *flags, *shlex.split(argument(context, "options"))]
    return [
        ExecuteProcess(
            cmd=[executable, *words],
            output="screen",
            emulate_tty=True,  # for the progress bar
            sigterm_timeout="60",  # after Ctrl-C the frame at work is finished and the output closed
        )
    ]
