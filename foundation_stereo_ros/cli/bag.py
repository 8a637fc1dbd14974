# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo bag``: a recording in; the same recording with disparity, depth and points out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.bag_options import add_bag_options, job_options
from foundation_stereo_ros.cli.options import pipeline_config
from foundation_stereo_ros.errors import BagError, ConfigError
from foundation_stereo_ros.progress import FrameProgress

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.config import PipelineConfig
    from foundation_stereo_ros.estimate.prediction import Prediction
    from foundation_stereo_ros.ros.bags.job import BagJob
    from foundation_stereo_ros.ros.bags.job_options import JobOptions, JobReport
    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.bags.topics import StereoTopics
    from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline

DAMAGED = 3
INTERRUPTED = 130
_EXIT_CODES = """\
exit codes:
  0    done
  1    nothing could be done; one line says why
  2    wrong usage
  3    the input is damaged or breaks off; the output has the frames up to that point
  130  interrupted (Ctrl-C, SIGTERM); the output has the frames done so far
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    add_bag_options(parser)


def run(args: argparse.Namespace) -> int:
    """Process the recording; returns the exit code."""
    from foundation_stereo_ros.estimate.heap import keep_freed_memory
    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.bags.record import describe
    from foundation_stereo_ros.ros.bags.topics import find_stereo

    keep_freed_memory()  # before torch is loaded
    with Recording(args.input) as recording:
        for notice in recording.notices:
            print(f"note: {notice}", file=sys.stderr)
        if args.list:
            print(f"{args.input}\n{describe(recording.topics)}")
            if recording.damage:
                print(f"warning: {recording.damage}", file=sys.stderr)
        topics = find_stereo(
            recording.topics,
            left=args.left,
            right=args.right,
            left_info=args.left_info,
            right_info=args.right_info,
        )
        config = pipeline_config(args)
        options = job_options(args, config, recording, topics)
        if args.list:
            _print_choice(topics, options)
            return 0
        return _process(args, config, recording, topics, options)


def _process(
    args: argparse.Namespace,
    config: PipelineConfig,
    recording: Recording,
    topics: StereoTopics,
    options: JobOptions,
) -> int:
    from foundation_stereo_ros.ros.bags.interrupts import Interrupts
    from foundation_stereo_ros.ros.bags.job import BagJob
    from foundation_stereo_ros.ros.bags.writer import BagWriter

    if args.output is None:
        raise ConfigError("no output; expected -o OUT.mcap, or --list")
    if args.output.exists() and args.input.exists() and args.output.samefile(args.input):
        raise BagError(f"{args.output} is the input; use another name for the output")
    export = _exporter(args, config)
    # The output's place is checked before the network is loaded, which may take long.
    with Interrupts() as interrupts, BagWriter(args.output, force=args.force) as writer:
        job: BagJob | None = None
        code = 0
        try:
            with FrameProgress(_expected_frames(args, recording, topics, options)) as progress:

                def on_frame(number: int, result: Prediction) -> None:
                    export(number, result)
                    progress.step()

                pipeline = _load(config, topics)
                job = BagJob(
                    recording, topics, pipeline, writer, options, shield=interrupts.shield, on_frame=on_frame
                )
                job.run()
        except KeyboardInterrupt:
            code = INTERRUPTED
        finally:
            with interrupts.shield():
                # Without a frame the output would be nothing but a copy of the input.
                (writer.close if job and job.report.frames else writer.discard)()
    return _conclude(args, recording, job.report if job else None, code)


def _load(config: PipelineConfig, topics: StereoTopics) -> StereoPipeline:
    from foundation_stereo_ros.estimate.estimator import StereoEstimator
    from foundation_stereo_ros.estimate.rectification import says_rectified
    from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline

    return StereoPipeline(StereoEstimator(config), says_rectified(topics.left))


def _conclude(args: argparse.Namespace, recording: Recording, report: JobReport | None, code: int) -> int:
    done = report is not None and report.frames > 0
    if report and done:
        print(_summary(report, args.output))
    if code == INTERRUPTED:
        kept = (
            f"{args.output} holds the frames done" if done else "before the first frame, nothing is written"
        )
        print(f"interrupted: {kept}", file=sys.stderr)
        return code
    if recording.damage:
        print(f"warning: {recording.damage}; {args.output} holds the frames up to there", file=sys.stderr)
        return DAMAGED
    return 0


def _summary(report: JobReport, output: Path) -> str:
    rate = report.frames / report.seconds if report.seconds else 0.0
    lines = [
        f"{output}: {report.frames} frames in {report.seconds:.1f} s ({rate:.2f} frames/s)",
        f"images: {report.images['left']} left, {report.images['right']} right; without a counterpart: "
        f"{report.unmatched['left']} left, {report.unmatched['right']} right",
    ]
    if report.rejected:
        lines.append(f"rejected: {report.rejected}; the last one: {report.reason}")
    return "\n".join(lines)


def _print_choice(topics: StereoTopics, options: JobOptions) -> None:
    print("takes:")
    for name in ("left", "left_info", "right", "right_info"):
        print(f"  {name.replace('_', '-'):<10}  {getattr(topics, name)}")
    print("writes:")
    for output in options.outputs:
        print(f"  {options.topic(output)}")


def _exporter(args: argparse.Namespace, config: PipelineConfig) -> Callable[[int, Prediction], None]:
    from foundation_stereo_ros.estimate.files import parse_kinds, write_result

    kinds = parse_kinds(args.export)
    folder = args.export_dir or args.output.with_name(f"{args.output.stem}_frames")

    def export(number: int, result: Prediction) -> None:
        if kinds:
            write_result(folder, result, config, kinds, prefix=f"{number:06d}_")

    return export


def _expected_frames(
    args: argparse.Namespace, recording: Recording, topics: StereoTopics, options: JobOptions
) -> int | None:
    """How many frames there will be at most, for the progress bar; None where nothing tells."""
    counts = [topic.count for topic in recording.topics if topic.name in (topics.left, topics.right)]
    if args.start or args.duration is not None or None in counts or not counts:
        return options.max_frames or None
    expected = -(-min(count for count in counts if count is not None) // options.every)
    return min(expected, options.max_frames) if options.max_frames else expected
