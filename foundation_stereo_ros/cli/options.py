# SPDX-License-Identifier: Apache-2.0
"""Flags that several commands have: those made from settings, and those for topics and for the graph."""

from __future__ import annotations

import argparse
import importlib
import math
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import foundation_stereo_ros
from foundation_stereo_ros.errors import ConfigError, FoundationStereoError
from foundation_stereo_ros.estimate.config import PipelineConfig, settings
from foundation_stereo_ros.estimate.setting import Setting, settings_of
from foundation_stereo_ros.estimate.views.config import SceneSettings
from foundation_stereo_ros.limits import SETTING

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.remarks import Remark
    from foundation_stereo_ros.ros.dds.environment import WireSettings

ALL_INVALID = 4
"""Exit code where not a single pixel is valid; what was written is kept."""

_SHORTER = {"cloud_stride": ("--stride",)}
OUTPUTS = ("output", "out", "json", "onnx", "target", "recording", "export_dir")
"""Arguments that name what a command writes; every other path is read."""

_WEIGHTS = ("checkpoint", "start_from", "source")
_READ = (*_WEIGHTS, "keep")
_METAVARS = {int: "N", float: "X", str: "TEXT"}


def flag(name: str) -> str:
    """Return the flag of a setting: ``z_near`` as ``--z-near``."""
    return "--" + name.replace("_", "-")


def in_flags(said: FoundationStereoError | Remark) -> str:
    """Return an error's message or a remark, with the flags that would help."""
    return said.told(lambda name, value: f"{flag(name)} {value}".rstrip())


def add_pipeline_options(parser: argparse.ArgumentParser, *, without: Collection[str] = ()) -> None:
    """Add a flag for each field of PipelineConfig: ``z_near`` becomes ``--z-near``.

    Args:
        parser: of a subcommand.
        without: fields that make no sense there.
    """
    add_setting_options(parser.add_argument_group("pipeline"), settings(), without=without)


def add_limit_option(parser: argparse.ArgumentParser) -> None:
    """Add the flag for the largest input, for commands without those of the pipeline."""
    add_setting_options(parser, [setting for setting in settings() if setting.name == SETTING])


def add_setting_options(
    group: argparse._ActionsContainer, fields: Iterable[Setting], *, without: Collection[str] = ()
) -> None:
    """Add a flag for each setting; those not given are absent from what is parsed."""
    for setting in fields:
        if setting.name in without:
            continue
        flags = [flag(setting.name), *_SHORTER.get(setting.name, ())]
        text = f"{setting.description} ({_default(setting)})".replace("%", "%%")
        if setting.type is bool:
            action = argparse.BooleanOptionalAction
            group.add_argument(*flags, action=action, default=argparse.SUPPRESS, help=text)
        else:
            group.add_argument(
                *flags,
                type=_reader(setting),
                choices=setting.choices or None,
                metavar=None if setting.choices else _METAVARS[setting.type],
                default=argparse.SUPPRESS,
                help=text,
            )


def pipeline_config(args: argparse.Namespace) -> PipelineConfig:
    """Return the settings that the flags say; the others keep their defaults.

    Raises:
        ConfigError: two settings contradict each other, or one cannot work here.
    """
    from foundation_stereo_ros.estimate.cloud import check_filters

    given = vars(args)
    config = PipelineConfig.from_mapping({s.name: given[s.name] for s in settings() if s.name in given})
    check_filters(config)
    return config


def add_scene_options(parser: argparse.ArgumentParser, *, only: Collection[str] = ()) -> None:
    """Add a flag for each field of SceneSettings.

    Args:
        parser: of a subcommand.
        only: fields that make sense there; empty: all.
    """
    fields = settings_of(SceneSettings)
    without = {field.name for field in fields if only and field.name not in only}
    add_setting_options(parser.add_argument_group("pipeline"), fields, without=without)


def scene_config(args: argparse.Namespace) -> SceneSettings:
    """Return the settings that the flags say; the others keep their defaults.

    Raises:
        ConfigError: a value cannot work here.
    """
    given = {s.name: vars(args)[s.name] for s in settings_of(SceneSettings) if s.name in vars(args)}
    return SceneSettings.from_mapping(given)


def add_topic_options(group: argparse._ArgumentGroup) -> None:
    """Add the flags that name the topics of a stereo pair."""
    for side in ("left", "right"):
        group.add_argument(f"--{side}", default="", metavar="TOPIC", help=f"image of the {side} camera")
        group.add_argument(f"--{side}-info", default="", metavar="TOPIC", help="its camera_info")


def add_intrinsics(group: argparse._ArgumentGroup) -> None:
    """Add the flag that names calibration files."""
    group.add_argument(
        "--intrinsics",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="calibration: one file, or that of the left and that of the right camera. CameraInfo as YAML, "
        "OpenCV (yml, xml, json), Kalibr, EuRoC, Middlebury, KITTI, ZED, OAK or RealSense; or a text file "
        "with K row by row and the baseline in metres",
    )


def calibration_files(args: argparse.Namespace) -> list[Path]:
    """Return the files of `add_intrinsics`.

    Raises:
        ConfigError: there are more than two.
    """
    files: list[Path] = args.intrinsics
    if len(files) > 2:
        raise ConfigError(f"--intrinsics has {len(files)} files; expected one, or a left and a right one")
    return files


def add_node_options(parser: argparse.ArgumentParser, name: str, shown: str = "") -> None:
    """Declare the flags of everything that takes part in a graph.

    Args:
        parser: of a subcommand.
        name: of the node by default.
        shown: the same in words; empty: the name.
    """
    group = parser.add_argument_group("graph")
    group.add_argument("--domain", type=int, metavar="N", help="DDS domain (default: ROS_DOMAIN_ID)")
    group.add_argument("--name", default=name, help=f"name of the node (default: {shown or name})")


def wire_settings_of(args: argparse.Namespace) -> WireSettings:
    """Return how to take part.

    Raises:
        ConfigError: Cyclone DDS is not installed, or the environment asks for something unknown.
    """
    try:
        importlib.import_module("foundation_stereo_ros.ros.dds.endpoints")
    except ImportError as error:
        raise ConfigError(
            f"Cyclone DDS is not installed ({error}); pip install 'foundation-stereo-ros[dds]'"
        ) from error
    from foundation_stereo_ros.ros.dds.environment import wire_settings

    return wire_settings(args.domain)


def output(text: str) -> Path:
    """Read the name of a file or a folder to write."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r}; expected the name of a file or a folder")
    return Path(text)


def inputs_of(args: argparse.Namespace) -> list[Path]:
    """Return the files that a command may read: each path among its arguments but the outputs, and the
    weights that ship with the package."""
    found = [*Path(foundation_stereo_ros.__file__).parent.glob("weights/*.safetensors")]
    for name, value in vars(args).items():
        if name in OUTPUTS:
            continue
        paths = [
            Path(one)
            for one in (value if isinstance(value, list) else [value])
            if isinstance(one, Path) or (name in _READ and one)
        ]
        found += paths
        if name in _WEIGHTS:  # a file may have its settings beside it, and a folder holds both
            found += [path.with_name("cfg.yaml") for path in paths]
            found += [file for path in paths if path.is_dir() for file in path.iterdir()]
    return found


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 1 or more")
    return int(text)


def positive(text: str) -> float:
    """Read a number above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a positive number")
    return value


def seconds(text: str) -> float:
    """Read seconds, 0 or more."""
    value = _number(text)
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r}; expected seconds, 0 or more")
    return value


def image_size(text: str) -> tuple[int, int]:
    """Read "480x640" as rows and columns."""
    found = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}; expected rows x columns, as 480x640")
    return int(found[1]), int(found[2])


def _reader(setting: Setting) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return setting.checked(setting.type(text))
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}; expected {setting.expected}") from None

    return read


def _default(setting: Setting) -> str:
    if setting.type is bool:
        return f"default: {'on' if setting.default else 'off'}"
    shown = (
        "none" if setting.default == "" else f"{setting.default}{' ' + setting.unit if setting.unit else ''}"
    )
    if setting.choices or setting.type is str:
        return f"default: {shown}"
    return f"default: {shown}; {setting.min:g} to {setting.max:g}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
