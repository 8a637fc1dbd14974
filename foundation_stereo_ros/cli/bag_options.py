# SPDX-License-Identifier: Apache-2.0
"""The flags of ``foundation_stereo bag``, and what they mean for a recording."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import add_pipeline_options
from foundation_stereo_ros.errors import BagError, ConfigError

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.config import PipelineConfig
    from foundation_stereo_ros.ros.bags.job_options import JobOptions
    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.bags.topics import StereoTopics


def add_bag_options(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.add_argument(
        "input",
        type=Path,
        metavar="IN",
        help="recording: .mcap, .db3 or ROS 1 .bag file, or a rosbag2 folder",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT.mcap", help="file to write")
    parser.add_argument("--force", action="store_true", help="replace the output if it exists")
    parser.add_argument(
        "--list", action="store_true", help="show the topics and which ones would be used, then stop"
    )
    _add_topic_options(
        parser.add_argument_group("topics", "Topics that are not given are found by their names.")
    )
    _add_part_options(parser.add_argument_group("part of the recording"))
    _add_output_options(parser.add_argument_group("outputs"))
    add_pipeline_options(parser)


def _add_topic_options(group: argparse._ArgumentGroup) -> None:
    for side in ("left", "right"):
        group.add_argument(f"--{side}", default="", metavar="TOPIC", help=f"image of the {side} camera")
        group.add_argument(f"--{side}-info", default="", metavar="TOPIC", help="its camera_info")
    group.add_argument(
        "--tolerance",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="largest difference between the stamps of left and right (default: 0, equal stamps)",
    )


def _add_part_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--start", type=_seconds, default=0.0, metavar="S", help="skip this many seconds at the beginning"
    )
    group.add_argument(
        "--duration", type=_seconds, metavar="S", help="length in seconds (default: up to the end)"
    )
    group.add_argument(
        "--every", type=_count, default=1, metavar="N", help="process only every n-th pair (default: 1)"
    )
    group.add_argument("--max-frames", type=_count, default=0, metavar="N", help="stop after n frames")


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--namespace",
        metavar="NAME",
        help="namespace of the outputs (default: the camera's, /rig for /rig/left/..., otherwise /stereo)",
    )
    group.add_argument(
        "--outputs",
        metavar="NAMES",
        help="messages to write (default: disparity,depth/image_rect,depth/camera_info,points2; also: "
        "confidence,disparity/visual)",
    )
    group.add_argument("--no-inputs", action="store_true", help="do not copy the recorded messages")
    group.add_argument(
        "--export", default="", metavar="KINDS", help="also write files: one or more of png,ply,npz"
    )
    group.add_argument(
        "--export-dir", type=Path, metavar="DIR", help="folder for these files (default: OUT_frames)"
    )


def job_options(
    args: argparse.Namespace, config: PipelineConfig, recording: Recording, topics: StereoTopics
) -> JobOptions:
    """Turn the flags into a job's options.

    Raises:
        ConfigError: an output is not known.
        BagError: the outputs' names are taken by recorded topics.
    """
    from foundation_stereo_ros.ros.bags.job_options import JobOptions, colliding

    begin = recording.start_ns
    start = begin + round(args.start * 1e9)
    options = {
        "outputs": _outputs(args, config),
        "tolerance_ns": round(args.tolerance * 1e9),
        "start_ns": start if args.start else None,
        "stop_ns": None if args.duration is None else start + round(args.duration * 1e9),
        "every": args.every,
        "max_frames": args.max_frames,
        "inputs": not args.no_inputs,
    }
    chosen = topics.namespace if args.namespace is None else _namespace(args.namespace)
    # Cameras with a depth sensor record their own depth/camera_info; ours goes one level below then.
    candidates = [chosen] if args.namespace is not None else [chosen, f"{chosen}/foundation_stereo"]
    for namespace in candidates:
        made = JobOptions(namespace=namespace, **options)
        taken = colliding(recording.topics, made)
        if not taken:
            return made
    raise BagError(f"the recording has {', '.join(taken)} already; give another --namespace, or --no-inputs")


def _outputs(args: argparse.Namespace, config: PipelineConfig) -> tuple[str, ...]:
    from foundation_stereo_ros.ros.messages.pipeline import MAIN_OUTPUTS, OUTPUTS

    if args.outputs is None:
        return MAIN_OUTPUTS + (("confidence",) if config.confidence else ())
    chosen = tuple(word.strip() for word in args.outputs.split(",") if word.strip())
    for word in chosen:
        if word not in OUTPUTS:
            raise ConfigError(f"unknown output {word!r}; expected some of {','.join(OUTPUTS)}")
    return chosen


def _namespace(name: str) -> str:
    stripped = name.strip("/")
    return f"/{stripped}" if stripped else ""


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r}; expected seconds, 0 or more")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 1 or more")
    return value
