# SPDX-License-Identifier: Apache-2.0
"""Play a generated recording through the node, in a loop, with RViz: no camera needed.

``ros2 launch foundation_stereo_ros demo.launch.py``
"""

import os
import subprocess
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, LogInfo, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.substitutions import ExecutableInPackage

HOME = Path(os.environ.get("ROS_HOME", "~/.ros")).expanduser()
SWITCH = ["true", "false"]


def generate_launch_description() -> LaunchDescription:
    replay = Path(__file__).with_name("replay.launch.py")
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "bag",
                default_value=str(HOME / "foundation_stereo" / "demo.mcap"),
                description="Recording; if there is none it is made first, which takes a minute.",
            ),
            DeclareLaunchArgument(
                "loop", default_value="true", choices=SWITCH, description="Start again at the end."
            ),
            DeclareLaunchArgument(
                "rviz",
                default_value="true" if _has_rviz() else "false",
                choices=SWITCH,
                description="Also start RViz. Default: true if it is installed.",
            ),
            OpaqueFunction(function=_prepare),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(replay)),
                launch_arguments={"bag": LaunchConfiguration("bag")}.items(),
            ),
        ]
    )


def _has_rviz() -> bool:
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        return False
    return True


def _prepare(context: LaunchContext) -> list[Action]:
    bag = Path(LaunchConfiguration("bag").perform(context)).expanduser()
    if not bag.exists():
        # Nothing else runs yet, so waiting here does no harm, and the progress bar has the terminal.
        command = ExecutableInPackage("foundation_stereo", "foundation_stereo_ros").perform(context)
        done = subprocess.run([command, "demo", "--recording", str(bag)], check=False)
        if done.returncode:
            raise RuntimeError(f"the recording was not made (code {done.returncode}); see above")
    if LaunchConfiguration("rviz").perform(context) == "true":
        return []
    return [
        LogInfo(msg="nothing is computed until somebody subscribes, as by: ros2 topic hz /stereo/points2")
    ]
