# SPDX-License-Identifier: Apache-2.0
"""What the launch files share: settings as launch arguments, and files that are gone when the launch ends."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import Any

import yaml
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.estimate.setting import Setting
from foundation_stereo_ros.io.documents import parse_yaml

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
