# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo demo``: a generated recording, run through everything and shown on one page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import add_pipeline_options, pipeline_config
from foundation_stereo_ros.progress import FrameProgress

if TYPE_CHECKING:
    import torch

    from foundation_stereo_ros.demo.latency import LiveFigures
    from foundation_stereo_ros.estimate.estimator import StereoEstimator
    from foundation_stereo_ros.estimate.prediction import Prediction
    from foundation_stereo_ros.ros.bags.job_options import JobReport

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
        type=Path,
        metavar="DIR",
        default=Path("demo_output"),
        help="folder to write to; files of an earlier demo are replaced (default: demo_output)",
    )
    parser.add_argument(
        "--frames",
        type=_frames,
        metavar="N",
        help=f"number of stereo pairs (default: {_FRAMES}; {_ROUND} with --recording)",
    )
    parser.add_argument(
        "--size", type=_size, default=_SIZE, metavar="WxH", help="size of the pictures (default: 640x480)"
    )
    parser.add_argument(
        "--recording",
        type=Path,
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

    from foundation_stereo_ros.demo.figures import compare
    from foundation_stereo_ros.demo.report import write_pages
    from foundation_stereo_ros.demo.summary import summary
    from foundation_stereo_ros.estimate.estimator import StereoEstimator

    # Before anything slow, so that wrong weights are told at once.
    estimator = StereoEstimator(config)
    if args.recording:
        _render(args.recording, args.frames or _ROUND, args.size, estimator.device, whole_round=True)
        return 0
    recording, result = args.output / "stereo.mcap", args.output / "stereo_depth.mcap"
    frames = args.frames or _FRAMES
    _render(recording, frames, args.size, estimator.device, step="1/5  ")
    _say(f"2/5  disparity, depth and points of the recording: {result}")
    report, seconds = _process(recording, result, estimator, frames)
    live = _live(args, recording, estimator)
    _say("4/5  reading the result back and comparing it with the exact depth")
    with FrameProgress(report.frames) as progress:
        figures = compare(result, estimator.config, on_frame=progress.step)
    _say("5/5  drawing every stage")
    written = write_pages(args.output, result, figures, report, seconds, estimator, live)
    print(summary(figures, report, seconds, written, estimator, args.output, live))
    return 0


def _render(
    path: Path,
    frames: int,
    size: tuple[int, int],
    device: torch.device,
    *,
    step: str = "",
    whole_round: bool = False,
) -> None:
    from foundation_stereo_ros.demo.recording import record

    _say(f"{step}rendering {frames} stereo pairs of {size[0]} x {size[1]} pixels: {path}")
    with FrameProgress(frames) as progress:
        record(path, frames, size, device, whole_round=whole_round, on_frame=progress.step)


def _process(
    recording_path: Path, result_path: Path, estimator: StereoEstimator, frames: int
) -> tuple[JobReport, float]:
    """Do what ``foundation_stereo bag`` does; returns its report and the network's seconds for one frame."""
    from foundation_stereo_ros.estimate.rectification import says_rectified
    from foundation_stereo_ros.ros.bags.interrupts import Interrupts
    from foundation_stereo_ros.ros.bags.job import BagJob
    from foundation_stereo_ros.ros.bags.job_options import JobOptions
    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.bags.topics import find_stereo
    from foundation_stereo_ros.ros.bags.writer import BagWriter
    from foundation_stereo_ros.ros.messages.pipeline import MAIN_OUTPUTS, StereoPipeline

    outputs = MAIN_OUTPUTS + (("confidence",) if estimator.config.confidence else ())
    seconds: list[float] = []
    with (
        Recording(recording_path) as recording,
        Interrupts() as interrupts,
        BagWriter(result_path, force=True) as writer,
        FrameProgress(frames) as progress,
    ):

        def on_frame(number: int, result: Prediction) -> None:
            seconds.append(result.seconds["network"] + result.seconds.get("consistency", 0.0))
            progress.step()

        topics = find_stereo(recording.topics)
        pipeline = StereoPipeline(estimator, says_rectified(topics.left))
        options = JobOptions(topics.namespace, outputs)
        job = BagJob(
            recording, topics, pipeline, writer, options, shield=interrupts.shield, on_frame=on_frame
        )
        job.run()
    # The median: the first frame also pays for what is set up once.
    return job.report, sorted(seconds)[len(seconds) // 2]


def _live(args: argparse.Namespace, recording: Path, estimator: StereoEstimator) -> LiveFigures | None:
    from foundation_stereo_ros.demo.live import try_live

    output = args.output / "live.mcap"
    _say(f"3/5  live, from a player over the node to a recorder, by DDS: {output}")
    if not args.live:
        _say("     skipped: --no-live")
        return None
    return try_live(recording, output, estimator.config, _say)


def _say(text: str) -> None:
    print(text, flush=True)


def _frames(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 1 or more")
    return value


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r}; expected WIDTHxHEIGHT, as 640x480")
    if not all(_SMALLEST <= int(side) <= _LARGEST for side in (width, height)):
        raise argparse.ArgumentTypeError(f"{text!r}; expected sides from {_SMALLEST} to {_LARGEST} pixels")
    return int(width), int(height)
