# SPDX-License-Identifier: Apache-2.0
"""The flags of ``foundation_stereo live``, and what they and a parameter file say together."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.cli.options import add_pipeline_options, add_setting_options
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.live.config import live_settings

if TYPE_CHECKING:
    from foundation_stereo_ros.ros.dds.environment import WireSettings

_EPILOG = """\
QoS: qos_overrides./TOPIC.subscription.reliability and the like in a parameter file, as for ROS nodes.
Environment: ROS_DOMAIN_ID, ROS_AUTOMATIC_DISCOVERY_RANGE, ROS_STATIC_PEERS, ROS_LOCALHOST_ONLY, ROS_DISTRO,
and CYCLONEDDS_URI mean the same as in ROS.
"""


def add_live_options(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    group = parser.add_argument_group(
        "topics", "Topics that are not given are found on the network by their names."
    )
    for side in ("left", "right"):
        group.add_argument(f"--{side}", default="", metavar="TOPIC", help=f"image of the {side} camera")
        group.add_argument(f"--{side}-info", default="", metavar="TOPIC", help="its camera_info")
    group.add_argument(
        "--namespace",
        metavar="NAME",
        help="namespace of the node and its outputs; cameras are searched only there (default: search "
        "everywhere, and use the camera's namespace, /rig for /rig/left/...; outputs go one level below if "
        "others publish topics with their names)",
    )
    add_node_options(parser, "stereo_node")
    parser.add_argument(
        "--params",
        type=Path,
        metavar="FILE",
        help="parameter file like config/stereo.yaml; flags override it",
    )
    parser.add_argument(
        "--use-sim-time",
        action="store_true",
        help="take the time from /clock, as in a replay; only the measured latency depends on it",
    )
    parser.add_argument(
        "--reliable",
        action="store_true",
        help="subscribe reliably: for large images from reliable publishers (default: best effort)",
    )
    add_setting_options(parser.add_argument_group("live"), live_settings(), without=("autostart",))
    add_pipeline_options(parser)


def add_node_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare the flags of everything that takes part in a graph."""
    group = parser.add_argument_group("graph")
    group.add_argument("--domain", type=int, metavar="N", help="DDS domain (default: ROS_DOMAIN_ID)")
    group.add_argument("--name", default=name, help=f"name of the node (default: {name})")


def wire_settings_of(args: argparse.Namespace) -> WireSettings:
    """Return how to take part.

    Raises:
        ConfigError: Cyclone DDS is not installed, or the environment asks for what there is not.
    """
    try:
        importlib.import_module("foundation_stereo_ros.ros.dds.engine")
    except ImportError as error:
        raise ConfigError(
            f"Cyclone DDS is not here ({error}); pip install 'foundation-stereo-ros[dds]'"
        ) from error
    from foundation_stereo_ros.ros.dds.environment import wire_settings

    return wire_settings(args.domain)


def live_values(args: argparse.Namespace, node: str) -> dict[str, Any]:
    """Return all parameters that are given: flags win over the file.

    Args:
        args: the flags.
        node: full name of the node.

    Raises:
        ConfigError: the file cannot be used.
    """
    from foundation_stereo_ros.ros.live.parameter_file import read_parameters
    from foundation_stereo_ros.ros.live.parameters import ALL_SETTINGS, in_its_type

    values: dict[str, Any] = read_parameters(args.params, node) if args.params else {}
    values.update(
        {s.parameter: getattr(args, s.name) for s in ALL_SETTINGS.values() if hasattr(args, s.name)}
    )
    if args.use_sim_time:
        values["use_sim_time"] = True
    typed = {
        name: in_its_type(ALL_SETTINGS[name], value) for name, value in values.items() if name in ALL_SETTINGS
    }
    return {**values, **typed}
