# SPDX-License-Identifier: Apache-2.0
"""What the launch files share: settings as launch arguments, and files that are gone when the launch ends."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import Any

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.estimate.setting import Setting
from foundation_stereo_ros.io.documents import parse_yaml
from foundation_stereo_ros.ros.live.topics import COMPRESSED, sibling

SWITCH = ("true", "false")


def setting_argument(setting: Setting, otherwise: str) -> DeclareLaunchArgument:
    """Return the launch argument of a setting; by default it is empty, which means not given.

    Args:
        setting: gives name, meaning and choices.
        otherwise: what counts where it is not given; empty: nothing is said about that.
    """
    choices = SWITCH if setting.type is bool else setting.choices
    return DeclareLaunchArgument(
        setting.name,
        default_value="",
        description=setting.description + (f" Not given: {otherwise}." if otherwise else ""),
        choices=["", *choices] if choices else None,
    )


def argument(context: LaunchContext, name: str) -> str:
    """Return the text of a launch argument."""
    return str(LaunchConfiguration(name).perform(context)).strip()


def setting_value(setting: Setting, text: str) -> Any:
    """Return what a launch argument means, as a parameter file would: ``0.02`` is a number, ``true`` a bool.

    Whether it is a value that the setting may have is left to the node.
    """
    try:
        return text if setting.type is str else parse_yaml(text, setting.name)
    except FileFormatError:
        return text


def node_of(
    executable: str, given: dict[str, str], parameters: Sequence[str], remappings: Sequence[tuple[str, str]]
) -> LifecycleNode:
    """Return the action that starts a node of this package.

    Args:
        executable: its name, and the node's.
        given: argument -> text; ``namespace`` and ``log_level`` count.
        parameters: files, later ones win.
        remappings: topic -> topic; those that change nothing are left out.
    """
    logger = absolute(executable, given["namespace"])[1:].replace("/", ".")
    return LifecycleNode(
        package="foundation_stereo_ros",
        executable=executable,
        name=executable,
        namespace=given["namespace"],
        parameters=[*parameters],
        remappings=[(name, topic) for name, topic in remappings if topic != name],
        ros_arguments=["--log-level", f"{logger}:={given['log_level']}"],
        output="screen",
        emulate_tty=True,  # for the colours of warnings
    )


def parameter_files(
    defaults: Path, preset: dict[str, Any], given: dict[str, str], values: dict[str, Any], node: str
) -> list[str]:
    """Return files of parameters; later ones win, and those that name the node over those for all nodes.

    Args:
        defaults: file of all parameters.
        preset: parameters that a camera brings.
        given: argument -> text; ``params_file`` and ``use_sim_time`` count.
        values: parameters that were given one by one.
        node: full name of the node.

    Raises:
        RuntimeError: there is no such params_file.
    """
    files = [str(defaults)]
    if preset:
        files.append(parameter_file(preset))
    if given["params_file"]:
        files.append(str(Path(given["params_file"]).expanduser()))
        if not Path(files[-1]).is_file():
            raise RuntimeError(f"params_file is {files[-1]}; there is no such file")
    if given["use_sim_time"]:
        values["use_sim_time"] = given["use_sim_time"] == "true"
    return [*files, parameter_file(values, node)] if values else files


def given_settings(settings: Iterable[Setting], given: dict[str, str]) -> dict[str, Any]:
    """Return parameter -> value of those settings that are launch arguments and were given."""
    return {s.parameter: setting_value(s, given[s.name]) for s in settings if given.get(s.name)}


def reliable(topics: Iterable[str]) -> dict[str, Any]:
    """Return the parameters by which ROS has lost messages of these topics sent again."""
    return {f"qos_overrides.{name}.subscription.reliability": "reliable" for name in topics}


def image_inputs(image: str, info: str, given: dict[str, str]) -> list[str]:
    """Return the full names of a camera's image topic, by its transport, and of its camera_info.

    Args:
        image: its topic.
        info: that of its camera_info; empty: beside the image.
        given: argument -> text; ``namespace`` and ``image_transport`` count.
    """
    image = absolute(image, given["namespace"])
    info = info or sibling(image, "camera_info")
    compressed = given["image_transport"] == "compressed" and not image.endswith(COMPRESSED)
    return [image + COMPRESSED if compressed else image, absolute(info, given["namespace"])]


def rviz_of(view: Path, frame: str, shown: dict[str, str], given: dict[str, str], simulated: bool) -> Node:
    """Return the action that starts RViz.

    Args:
        view: its configuration.
        frame: fixed frame.
        shown: topic in the configuration -> topic to show.
        given: argument -> text; ``namespace`` counts.
        simulated: whether it takes the time from /clock.

    Raises:
        RuntimeError: RViz is not installed.
    """
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        raise RuntimeError("rviz:=true, but there is no rviz2 here (ros-$ROS_DISTRO-rviz2)") from None
    return Node(
        package="rviz2",
        executable="rviz2",
        name="rviz",
        namespace=given["namespace"],
        arguments=["-d", str(view), "-f", frame],
        ros_arguments=["-p", f"use_sim_time:={'true' if simulated else 'false'}"],
        remappings=[(name, topic) for name, topic in shown.items() if topic != name],
        output="log",
    )


def absolute(topic: str, namespace: str) -> str:
    """Return the full name of a topic or node."""
    return topic if topic.startswith("/") else f"{namespace.rstrip('/')}/{topic}"


def yaml_file(content: Any) -> str:
    """Write a file for a process of this launch and return its path.

    Parameters given to launch_ros as a dictionary become a file, too, which stays when the launch has ended.
    """
    with NamedTemporaryFile("w", suffix=".yaml", dir=_folder(), delete=False) as file:
        yaml.safe_dump(content, file)
    return file.name


def parameter_file(parameters: dict[str, Any], node: str = "/**") -> str:
    """Write a parameter file for a node, or for all, as `yaml_file` does."""
    return yaml_file({node: {"ros__parameters": parameters}})


@cache
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="foundation_stereo_launch_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
