# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo live``: the nodes on ROS 2 topics, in any Python."""

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
    flag,
    in_flags,
    wire_settings_of,
)
from foundation_stereo_ros.errors import ConfigError, WireError
from foundation_stereo_ros.estimate.config import settings
from foundation_stereo_ros.estimate.setting import settings_of
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.limits import allow
from foundation_stereo_ros.ros.live.config import LiveConfig, StereoLiveConfig, VideoLiveConfig
from foundation_stereo_ros.terminal import StatusLine

if TYPE_CHECKING:
    from foundation_stereo_ros.ros.dds.cameras import Cameras, NamedTopics, NamedVideo
    from foundation_stereo_ros.ros.dds.live_node import WireNode
    from foundation_stereo_ros.ros.dds.wire import Wire
    from foundation_stereo_ros.ros.live.parameters import Configs, ParameterSet


_log = logging.getLogger(__name__)

STOP_S = 1.0
"""How long the end waits for images that are in the network."""

_PERIOD_S = 1.0

_VIDEO = "video"
_SOUGHT = {"stereo": "a stereo pair", _VIDEO: "a camera and its poses"}
_TOPICS = {"stereo": ("left", "right", "left_info", "right_info"), _VIDEO: ("image", "image_info")}


_EPILOG = """\
QoS: qos_overrides./TOPIC.subscription.reliability and the like in a parameter file, as for ROS nodes.
Environment: ROS_DOMAIN_ID, ROS_AUTOMATIC_DISCOVERY_RANGE, ROS_STATIC_PEERS, ROS_LOCALHOST_ONLY, ROS_DISTRO,
and CYCLONEDDS_URI mean the same as in ROS.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "--system",
        choices=tuple(_SOUGHT),
        default="stereo",
        help="a stereo pair, or the video of one camera whose poses are known (default: stereo)",
    )
    group = parser.add_argument_group(
        "topics", "Topics that are not given are found on the network by their names."
    )
    add_topic_options(group)
    group.add_argument("--image", default="", metavar="TOPIC", help="with --system video: the images")
    group.add_argument("--image-info", default="", metavar="TOPIC", help="their camera_info")
    group.add_argument(
        "--namespace",
        metavar="NAME",
        help="namespace of the node and its outputs; cameras are searched only there (default: search "
        "everywhere, and use the camera's namespace, /rig for /rig/left/...; outputs go one level below if "
        "others publish topics with their names)",
    )
    add_node_options(parser, "", "stereo_node or video_node")
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
    shared = [setting.name for setting in settings_of(LiveConfig)]
    add_setting_options(parser.add_argument_group("live"), settings_of(LiveConfig), without=("autostart",))
    pair = parser.add_argument_group("live stereo pairs")
    add_setting_options(pair, settings_of(StereoLiveConfig), without=shared)
    poses = parser.add_argument_group("poses", "Of --system video.")
    add_setting_options(poses, settings_of(VideoLiveConfig), without=shared)
    add_pipeline_options(parser)
    video = parser.add_argument_group("posed video", "Of --system video, beside those of the pipeline.")
    add_setting_options(video, settings_of(VideoSettings), without=[s.name for s in settings()])


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

    _check_flags(args)
    args.name = args.name or f"{args.system}_node"
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


def _parameters(system: str) -> ParameterSet[Any, Any]:
    from foundation_stereo_ros.ros.live.parameters import STEREO, VIDEO

    return VIDEO if system == _VIDEO else STEREO


def _check_flags(args: argparse.Namespace) -> None:
    """Refuse flags of the other system."""
    own = {setting.name for setting in _parameters(args.system).settings.values()}
    other = "stereo" if args.system == _VIDEO else _VIDEO
    foreign = {setting.name for setting in _parameters(other).settings.values()} - own
    given = [name for name in vars(args) if name in foreign]
    given += [name for name in _TOPICS[other] if getattr(args, name)]
    if given:
        raise ConfigError(
            f"{flag(given[0])} is for --system {other}; expected none with --system {args.system}"
        )


def _estimator(system: str, config: Any) -> Any:
    if system == _VIDEO:
        from foundation_stereo_ros.estimate.video.estimator import VideoEstimator

        return VideoEstimator(config)
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator

    return StereoEstimator(config)


def _run(args: argparse.Namespace, wire: Wire, line: StatusLine) -> None:
    # Wrong parameters and weights are told before anything is waited for. Those of a file may be others once
    # the node's namespace is known.
    configs, _ = _judged(args, wire)
    estimator = _estimator(args.system, configs.pipeline)
    cameras = _with_outputs(_cameras(args, wire, configs), args, wire)
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


def _cameras(args: argparse.Namespace, wire: Wire, configs: Configs[Any, Any]) -> Cameras:
    from foundation_stereo_ros.ros.dds.cameras import Cameras, NamedTopics, NamedVideo, named_cameras, search

    named: NamedTopics | NamedVideo
    if args.system == _VIDEO:
        named = NamedVideo(args.image, args.image_info, configs.live.pose_topic).resolved(wire.namespace)
    else:
        named = NamedTopics(args.left, args.right, args.left_info, args.right_info).resolved(wire.namespace)
    if named.complete:
        return named_cameras(named, configs.live.image_transport)
    for found in search(wire.graph, named.find, wire.namespace, Event()):
        if isinstance(found, Cameras):
            if found.note:
                _say(f"note: {found.note}")
            return found
        _say(f"looking for {_SOUGHT[args.system]}: {in_flags(found)}")
    raise WireError(f"{_SOUGHT[args.system]} was not found")


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


def _judged(args: argparse.Namespace, wire: Wire) -> tuple[Configs[Any, Any], dict[str, Any]]:
    values = live_values(args, wire.full_name)
    configs = _parameters(args.system).judge(values)
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
    from foundation_stereo_ros.ros.live.parameters import in_its_type, read_parameters

    known = _parameters(args.system).settings
    values: dict[str, Any] = read_parameters(args.params, node) if args.params else {}
    values.update({s.parameter: getattr(args, s.name) for s in known.values() if hasattr(args, s.name)})
    if args.use_sim_time:
        values["use_sim_time"] = True
    typed = {name: in_its_type(known[name], value) for name, value in values.items() if name in known}
    return {**values, **typed}


def _node(args: argparse.Namespace, wire: Wire, cameras: Cameras, estimator: Any) -> WireNode:
    from foundation_stereo_ros.ros.dds.live_node import stereo_live, video_live
    from foundation_stereo_ros.ros.dds.qos import SENSOR, Profile

    configs, values = _judged(args, wire)
    for sentence in _parameters(args.system).misspelled(values):
        _log.warning("%s", sentence)
    profile = Profile(depth=SENSOR.depth) if args.reliable else SENSOR
    if configs.pipeline != estimator.config:
        estimator = _estimator(args.system, configs.pipeline)
    make = video_live if args.system == _VIDEO else stereo_live
    return make(wire, cameras, configs, values, profile, estimator)


def _show(wire: Wire, cameras: Cameras, node: WireNode) -> None:
    lines = [f"{wire.full_name} takes:"]
    for stream, (image, info) in cameras.topics.items():
        lines.append(f"  {stream:<10}  {image}{' (compressed)' if cameras.transport == 'compressed' else ''}")
        lines.append(f"  {f'{stream}-info':<10}  {info}")
    if "image" in cameras.topics:
        lines.append(f"  {'poses':<10}  {cameras.pose_topic or '/tf'}")
    _say("\n".join([*lines, "publishes:", *(f"  {topic}" for topic in node.topics)]))


def _say(text: str) -> None:
    print(text, flush=True)
