# SPDX-License-Identifier: Apache-2.0
"""Run ``foundation_stereo bag`` on a recording.

``ros2 launch foundation_stereo_ros bag.launch.py bag:=IN output:=OUT.mcap``
"""

import shlex

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.substitutions import ExecutableInPackage

from foundation_stereo_ros.estimate.config import settings
from foundation_stereo_ros.estimate.setting import Setting


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
            *(_argument(setting) for setting in settings()),
            OpaqueFunction(function=_process),
        ]
    )


def _argument(setting: Setting) -> DeclareLaunchArgument:
    choices = ("true", "false") if setting.type is bool else setting.choices
    unset = "" if setting.default == "" else f" Default: {setting.default}."
    return DeclareLaunchArgument(
        setting.name,
        default_value="",  # not given, so that the defaults stand in PipelineConfig alone
        description=setting.description + unset,
        choices=["", *choices] if choices else None,
    )


def _flag(setting: Setting, text: str) -> str:
    name = setting.name.replace("_", "-")
    if setting.type is bool:
        return f"--{name}" if text == "true" else f"--no-{name}"
    return f"--{name}={text}"


def _process(context: LaunchContext) -> list[ExecuteProcess]:
    def value(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    flags = [_flag(setting, value(setting.name)) for setting in settings() if value(setting.name)]
    executable = ExecutableInPackage("foundation_stereo", "foundation_stereo_ros")
    words = ["bag", value("bag"), "--output", value("output"), *flags, *shlex.split(value("options"))]
    return [
        ExecuteProcess(
            cmd=[executable, *words],
            output="screen",
            emulate_tty=True,  # for the progress bar
            sigterm_timeout="60",  # after Ctrl-C the frame at work is finished and the output closed
        )
    ]
