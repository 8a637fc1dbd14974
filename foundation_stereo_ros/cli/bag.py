# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo bag``: a recording in; the same recording with disparity, depth and points out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import (
    ALL_INVALID,
    add_intrinsics,
    add_pipeline_options,
    add_topic_options,
    calibration_files,
    in_flags,
    output,
    pipeline_config,
    seconds,
)
from foundation_stereo_ros.cli.recordings import (
    add_message_options,
    add_part_options,
    check_place,
    expected_frames,
    job_options,
    named_outputs,
    tell_notices,
)
from foundation_stereo_ros.errors import BagError, ConfigError, counted, printable
from foundation_stereo_ros.io.outputs import check_free, check_output, keep, reserved_folder
from foundation_stereo_ros.terminal import INTERRUPTED, FrameProgress

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.config import PipelineConfig
    from foundation_stereo_ros.estimate.prediction import Prediction
    from foundation_stereo_ros.ros.bags.job import BagJob
    from foundation_stereo_ros.ros.bags.job_options import JobOptions, JobReport
    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline
    from foundation_stereo_ros.ros.messages.stereo_topics import StereoTopics


DAMAGED = 3
_EXIT_CODES = """\
exit codes:
  0    done
  1    nothing could be done; one line says why
  2    wrong usage
  3    the input is damaged or breaks off; the output has the frames up to that point
  4    every pixel of every frame is invalid; the output is kept
  130  interrupted (Ctrl-C, SIGTERM); the output has the frames done so far
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    parser.add_argument(
        "input",
        type=Path,
        metavar="IN",
        help="recording: .mcap, .db3 or ROS 1 .bag file, or a rosbag2 folder",
    )
    parser.add_argument("-o", "--output", type=output, metavar="OUT.mcap", help="file to write")
    parser.add_argument("--force", action="store_true", help="replace the output if it exists")
    parser.add_argument(
        "--list", action="store_true", help="show the topics and which ones would be used, then stop"
    )
    _add_topic_options(
        parser.add_argument_group("topics", "Topics that are not given are found by their names.")
    )
    add_part_options(parser.add_argument_group("part of the recording"), "pair")
    _add_output_options(parser.add_argument_group("outputs"))
    add_pipeline_options(parser)


def _add_topic_options(group: argparse._ArgumentGroup) -> None:
    add_topic_options(group)
    add_intrinsics(group)
    group.add_argument(
        "--tolerance",
        type=seconds,
        default=0.0,
        metavar="S",
        help="largest difference between the stamps of left and right (default: 0, equal stamps)",
    )


def _add_output_options(group: argparse._ArgumentGroup) -> None:
    add_message_options(
        group,
        namespace="the camera's, /rig for /rig/left/..., otherwise /stereo",
        outputs="disparity,depth/image_rect,depth/camera_info,points2; also: confidence,disparity/visual",
    )
    group.add_argument(
        "--export", default="", metavar="KINDS", help="also write files: one or more of png,ply,npz"
    )
    group.add_argument(
        "--export-dir", type=output, metavar="DIR", help="folder for these files (default: OUT_frames)"
    )


def run(args: argparse.Namespace) -> int:
    """Process the recording; returns the exit code."""
    from foundation_stereo_ros.estimate.heap import keep_freed_memory
    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.messages.topics import describe

    keep_freed_memory()  # before torch is loaded
    with Recording(args.input) as recording:
        tell_notices(recording)
        if args.list:
            print(printable(f"{args.input}\n{describe(recording.topics)}"))
            if recording.damage:
                print(printable(f"warning: {recording.damage}"), file=sys.stderr)
        topics = _find(args, recording)
        config = pipeline_config(args)
        outputs = _outputs(args, config)
        options = job_options(args, recording, topics.namespace, outputs, round(args.tolerance * 1e9))
        if args.list:
            _print_choice(topics, options)
            return 0
        return _process(args, config, recording, topics, options)


def _find(args: argparse.Namespace, recording: Recording) -> StereoTopics:
    from foundation_stereo_ros.io.calibration import CalibrationText, format_of
    from foundation_stereo_ros.ros.messages.stereo_topics import find_stereo

    files = calibration_files(args)
    for file in files:  # what is none is told before the network is loaded
        format_of(CalibrationText(file))
    names = {side: getattr(args, side) for side in ("left", "right", "left_info", "right_info")}
    for side in ("left", "right"):
        if files and names[f"{side}_info"]:
            raise ConfigError(f"--intrinsics and --{side}-info are both given; expected one of them")
    try:
        return find_stereo(recording.topics, **names, calibrated=not files)
    except BagError as error:
        if recording.damage:
            raise BagError(f"{recording.damage}; before that: {error}", remedy=error.remedies) from error
        if any(name.endswith("_info") for way in error.remedies for name in way):
            error.remedies = (*error.remedies, {"intrinsics": "FILE"})
        raise


def _outputs(args: argparse.Namespace, config: PipelineConfig) -> tuple[str, ...]:
    from foundation_stereo_ros.ros.messages.outputs import MAIN_OUTPUTS

    if args.outputs is None:
        return MAIN_OUTPUTS + (("confidence",) if config.confidence else ())
    return named_outputs(args.outputs, config.confidence)


def _process(
    args: argparse.Namespace,
    config: PipelineConfig,
    recording: Recording,
    topics: StereoTopics,
    options: JobOptions,
) -> int:
    from foundation_stereo_ros.estimate.remarks import NewRemarks
    from foundation_stereo_ros.ros.bags.job import BagJob
    from foundation_stereo_ros.ros.bags.writer import BagWriter
    from foundation_stereo_ros.terminal import Interrupts

    if args.output is None:
        raise ConfigError("no output; expected -o OUT.mcap, or --list")
    keep(recording.files)
    check_output(args.output)
    check_place(recording, args.output)
    images = (topics.left, topics.right)
    expected = expected_frames(args, recording, images, options.max_frames)
    exporter, new_remarks = _exporter(args, config), NewRemarks()
    # The output's place is checked before the network is loaded, which may take long.
    with (
        Interrupts() as interrupts,
        exporter as export,
        BagWriter(args.output, force=args.force) as writer,
    ):
        job: BagJob | None = None
        pipeline: StereoPipeline | None = None
        code = 0
        try:
            with FrameProgress(expected) as progress:

                def on_frame(number: int, result: Prediction) -> None:
                    export(number, result)
                    progress.step()
                    for remark in new_remarks(result.remarks):
                        progress.say(f"warning: frame {number}: {in_flags(remark)}")

                pipeline = _load(args, config, topics)
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
    if pipeline and pipeline.note:
        print(f"note: {pipeline.note}", file=sys.stderr)
    return _conclude(args, recording, job.report if job else None, code)


def _load(args: argparse.Namespace, config: PipelineConfig, topics: StereoTopics) -> StereoPipeline:
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
    from foundation_stereo_ros.estimate.stereo.rectification import says_rectified
    from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline

    files = calibration_files(args)
    return StereoPipeline(StereoEstimator(config), says_rectified(topics.left), calibration=files)


def _conclude(args: argparse.Namespace, recording: Recording, report: JobReport | None, code: int) -> int:
    done = report is not None and report.frames > 0
    if report and done:
        print(_summary(report, args.output))
        if not report.framed:
            print(
                "note: left images have an empty frame_id, and so have the results, which RViz and tf cannot "
                "place",
                file=sys.stderr,
            )
    if code == INTERRUPTED:
        kept = (
            f"{args.output} holds the frames done" if done else "before the first frame, nothing is written"
        )
        print(f"interrupted: {kept}", file=sys.stderr)
        return code
    if recording.damage:
        print(
            printable(f"warning: {recording.damage}; {args.output} holds the frames up to there"),
            file=sys.stderr,
        )
        return DAMAGED
    if report and done and report.invalid == report.frames:
        print(f"error: in every frame {report.why_invalid}", file=sys.stderr)
        return ALL_INVALID
    return 0


def _summary(report: JobReport, output: Path) -> str:
    rate = report.frames / report.seconds if report.seconds else 0.0
    lines = [
        f"{output}: {counted(report.frames, 'frame')} in {report.seconds:.1f} s ({rate:.2f} frames/s)",
        f"images: {report.images['left']} left, {report.images['right']} right; without a counterpart: "
        f"{report.unmatched['left']} left, {report.unmatched['right']} right",
    ]
    if report.rejected:
        lines.append(f"rejected: {report.rejected}; the last one: {report.reason}")
    return "\n".join(lines)


def _print_choice(topics: StereoTopics, options: JobOptions) -> None:
    print("takes:")
    for name in ("left", "left_info", "right", "right_info"):
        if getattr(topics, name):
            print(printable(f"  {name.replace('_', '-'):<10}  {getattr(topics, name)}"))
    print("writes:")
    for name in options.outputs:
        print(printable(f"  {options.topic(name)}"))


@contextmanager
def _exporter(
    args: argparse.Namespace, config: PipelineConfig
) -> Iterator[Callable[[int, Prediction], None]]:
    from foundation_stereo_ros.estimate.files import parse_kinds, result_names, write_result

    kinds = parse_kinds(args.export)
    if not kinds:
        yield lambda number, result: None
        return
    folder = args.export_dir or args.output.with_name(f"{args.output.stem}_frames")

    def export(number: int, result: Prediction) -> None:
        write_result(folder, result, config, kinds, prefix=f"{number:06d}_")

    with reserved_folder(folder):
        names = result_names(kinds, confidence=config.confidence)
        check_free((path for name in names for path in folder.glob(f"[0-9]*_{name}")), args.force)
        yield export
