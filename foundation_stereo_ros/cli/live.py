# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo live``: the stereo node on ROS 2 topics, in any Python."""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.cli.options import (
    add_node_options,
    add_pipeline_options,
    add_setting_options,
    add_topic_options,
    in_flags,
    wire_settings_of,
)
from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.limits import allow
from foundation_stereo_ros.ros.live.config import live_settings
from foundation_stereo_ros.terminal import StatusLine

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
    from foundation_stereo_ros.ros.dds.cameras import Cameras
    from foundation_stereo_ros.ros.dds.stereo_live import StereoLive
    from foundation_stereo_ros.ros.dds.wire import Wire
    from foundation_stereo_ros.ros.live.parameters import Configs


_log = logging.getLogger(__name__)

STOP_S = 1.0
"""How long the end waits for a pair that is in the network."""

_PERIOD_S = 1.0


_EPILOG = """\
QoS: qos_overrides./TOPIC.subscription.reliability and the like in a parameter file, as for ROS nodes.
Environment: ROS_DOMAIN_ID, ROS_AUTOMATIC_DISCOVERY_RANGE, ROS_STATIC_PEERS, ROS_LOCALHOST_ONLY, ROS_DISTRO,
and CYCLONEDDS_URI mean the same as in ROS.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    group = parser.add_argument_group(
        "topics", "Topics that are not given are found on the network by their names."
    )
    add_topic_options(group)
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


def run(args: argparse.Namespace) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code."""
    from foundation_stereo_ros.estimate.heap import keep_freed_memory
    from foundation_stereo_ros.ros.live.exit_once import ExitOnce

    exit_once = ExitOnce()
    # Before threads are started and torch is loaded.
    keep_freed_memory()
    settings = wire_settings_of(args)
    logging.getLogger("foundation_stereo_ros").setLevel(logging.INFO)

    from foundation_stereo_ros.ros.dds.wire import Wire
    from foundation_stereo_ros.ros.messages.topics import full_name, namespace_of

    full_name(args.name)
    namespace = namespace_of(args.namespace or "")
    _say(f"domain {settings.domain}, discovery {settings.discovery}")
    line = StatusLine()
    with Wire(settings, args.name, namespace) as wire:
        try:
            _run(args, wire, line)
        except SystemExit:
            line.close()
    exit_once.leave()
    return 0


def _run(args: argparse.Namespace, wire: Wire, line: StatusLine) -> None:
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator

    # Wrong parameters and weights are told before anything is waited for. Those of a file may be others once
    # the node's namespace is known.
    estimator = StereoEstimator(_judged(args, wire)[0].pipeline)
    cameras = _with_outputs(_cameras(args, wire), args, wire)
    node = _node(args, wire, cameras, estimator)
    _show(wire, cameras, node)
    node.start()
    try:
        pause = Event()
        while True:
            status = node.report()
            line.show(status.message)
            pause.wait(_PERIOD_S)
    finally:
        node.stop(STOP_S)


def _cameras(args: argparse.Namespace, wire: Wire) -> Cameras:
    from foundation_stereo_ros.ros.dds.cameras import Cameras, NamedTopics, named_cameras, search

    named = NamedTopics(args.left, args.right, args.left_info, args.right_info).resolved(wire.namespace)
    if named.left and named.right:
        return named_cameras(named, getattr(args, "image_transport", "raw"))
    for found in search(wire.graph, named, wire.namespace, Event()):
        if isinstance(found, Cameras):
            return found
        _say(f"looking for a stereo pair: {in_flags(found)}")
    raise WireError("no stereo pair was found")


def _with_outputs(cameras: Cameras, args: argparse.Namespace, wire: Wire) -> Cameras:
    """Choose the namespaces of the node and of its outputs."""
    from foundation_stereo_ros.ros.dds.cameras import free_namespace

    if args.namespace is not None:
        return replace(cameras, namespace=wire.namespace)
    # Parameter files name the node, so that it stays where it is.
    wire.namespace = cameras.namespace
    namespace, taken = free_namespace(wire.graph, cameras.namespace)
    if taken:
        _say(
            f"somebody publishes {', '.join(taken)} already: the outputs go to {namespace}; "
            "--namespace NAME puts them elsewhere"
        )
    return replace(cameras, namespace=namespace)


def _judged(args: argparse.Namespace, wire: Wire) -> tuple[Configs, dict[str, Any]]:
    from foundation_stereo_ros.ros.live.parameters import judge

    values = live_values(args, wire.full_name)
    configs = judge(values)
    allow(configs.pipeline.max_megapixels)
    return configs, values


def live_values(args: argparse.Namespace, node: str) -> dict[str, Any]:
    """Return all parameters that are given: flags win over the file.

    Args:
        args: the flags.
        node: full name of the node.

    Raises:
        ConfigError: the file cannot be used.
    """
    from foundation_stereo_ros.ros.live.parameters import ALL_SETTINGS, in_its_type, read_parameters

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


def _node(args: argparse.Namespace, wire: Wire, cameras: Cameras, estimator: StereoEstimator) -> StereoLive:
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
    from foundation_stereo_ros.ros.dds.qos import SENSOR, Profile
    from foundation_stereo_ros.ros.dds.stereo_live import StereoLive
    from foundation_stereo_ros.ros.live.parameters import misspelled

    configs, values = _judged(args, wire)
    for sentence in misspelled(values):
        _log.warning("%s", sentence)
    profile = Profile(depth=SENSOR.depth) if args.reliable else SENSOR
    if configs.pipeline != estimator.config:
        estimator = StereoEstimator(configs.pipeline)
    return StereoLive(wire, cameras, configs, values, profile, estimator)


def _show(wire: Wire, cameras: Cameras, node: StereoLive) -> None:
    lines = [f"{wire.full_name} takes:"]
    for side, (image, info) in cameras.topics.items():
        lines.append(f"  {side:<10}  {image}{' (compressed)' if cameras.transport == 'compressed' else ''}")
        lines.append(f"  {f'{side}-info':<10}  {info}")
    _say("\n".join([*lines, "publishes:", *(f"  {topic}" for topic in node.topics)]))


def _say(text: str) -> None:
    print(text, flush=True)
