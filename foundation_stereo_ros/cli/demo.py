# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo demo``: a generated recording, run through everything and shown on one page."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import add_pipeline_options, count, output, pipeline_config
from foundation_stereo_ros.io.outputs import reserved_folder

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.config import PipelineConfig

_FRAMES = 20
_ROUND = 40  # frames of --recording
_SIZE = (640, 480)
_SMALLEST, _LARGEST = 64, 4096
# The exact depth that everything is compared with is on the images' own grid, of the cameras as recorded.
_FIXED = ("full_resolution", "rectification", "baseline")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.add_argument(
        "-o",
        "--output",
        type=output,
        metavar="DIR",
        default=Path("demo_output"),
        help="folder to write to; files of an earlier demo are replaced (default: demo_output)",
    )
    parser.add_argument(
        "--frames",
        type=count,
        metavar="N",
        help=f"number of stereo pairs (default: {_FRAMES}; {_ROUND} with --recording)",
    )
    parser.add_argument(
        "--size", type=_size, default=_SIZE, metavar="WxH", help="size of the pictures (default: 640x480)"
    )
    parser.add_argument(
        "--recording",
        type=output,
        metavar="FILE",
        help="only write a recording, this .mcap file, of the rig's whole path, for replaying it in a loop",
    )
    parser.add_argument(
        "--live",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also run player, live node and recorder over DDS, if that is installed (default: on)",
    )
    add_pipeline_options(parser, without=_FIXED)


def run(args: argparse.Namespace) -> int:
    """Record, process, compare, draw; prints where everything is."""
    from foundation_stereo_ros.estimate.heap import keep_freed_memory

    keep_freed_memory()  # before torch is loaded
    config = pipeline_config(args)
    with nullcontext() if args.recording else reserved_folder(args.output):
        return _run(args, config)


def _run(args: argparse.Namespace, config: PipelineConfig) -> int:
    from foundation_stereo_ros.demo.steps import demonstrate, render
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator

    # Before anything slow, so that wrong weights are told at once.
    estimator = StereoEstimator(config)
    if args.recording:
        render(args.recording, args.frames or _ROUND, args.size, estimator.device, _say, whole_round=True)
    else:
        frames = args.frames or _FRAMES
        print(demonstrate(args.output, frames, args.size, estimator, args.live, _say))
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r}; expected WIDTHxHEIGHT, as 640x480")
    if not all(_SMALLEST <= int(side) <= _LARGEST for side in (width, height)):
        raise argparse.ArgumentTypeError(f"{text!r}; expected sides from {_SMALLEST} to {_LARGEST} pixels")
    return int(width), int(height)
