# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo video`` on a recording: one camera and what tells its poses in; depth out."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.cli.options import flag, seconds
from foundation_stereo_ros.cli.recordings import (
    add_message_options,
    add_part_options,
    check_place,
    expected_frames,
    job_options,
    named_outputs,
    tell_notices,
)
from foundation_stereo_ros.errors import ConfigError, counted, printable
from foundation_stereo_ros.io.outputs import check_output, keep
from foundation_stereo_ros.terminal import INTERRUPTED, FrameProgress

if TYPE_CHECKING:
    from foundation_stereo_ros.cli.video import Results
    from foundation_stereo_ros.estimate.prediction import Prediction
    from foundation_stereo_ros.estimate.video.config import VideoSettings
    from foundation_stereo_ros.ros.bags.job_options import JobOptions
    from foundation_stereo_ros.ros.bags.pose_choice import ChosenPoses, PoseOptions
    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.bags.video_job import VideoBagJob
    from foundation_stereo_ros.ros.messages.video_topics import VideoTopics
    from foundation_stereo_ros.shapes import Matrix

DAMAGED = 4
_OUTPUTS = ("depth/image_rect", "depth/camera_info", "points2")
_WHERE = {
    "not yet": "after the last pose",
    "too old": "before the first pose",
    "gap": "in a gap",
    "not connected": "without transforms",
}


def add_arguments(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Declare the flags; loads no torch.

    Returns:
        Their names, as arguments, and defaults.
    """
    before = {action.dest for action in parser._actions}
    group = parser.add_argument_group("recordings")
    group.add_argument("--image", default="", metavar="TOPIC", help="the camera's images")
    group.add_argument("--image-info", default="", metavar="TOPIC", help="their camera_info")
    group.add_argument(
        "--pose-topic",
        default="",
        metavar="TOPIC",
        help="what tells the poses: nav_msgs/Odometry, geometry_msgs/PoseStamped, or /tf (default: /tf if it "
        "connects the camera to a fixed frame)",
    )
    group.add_argument(
        "--fixed-frame",
        default="",
        metavar="FRAME",
        help="with /tf: the frame that does not move (default: odom, map or world)",
    )
    group.add_argument(
        "--body-frame",
        default="",
        metavar="FRAME",
        help="whose poses they are (default: as the messages say)",
    )
    group.add_argument(
        "--camera-in-body",
        type=float,
        nargs=7,
        metavar=("X", "Y", "Z", "QX", "QY", "QZ", "QW"),
        help="pose of the camera's optical frame in the body's (default: as /tf_static says)",
    )
    group.add_argument(
        "--pose-gap",
        type=seconds,
        default=0.2,
        metavar="S",
        help="poses farther apart than this are not interpolated (default: 0.2 s)",
    )
    add_part_options(group, "image")
    add_message_options(group, "beside the images", ",".join(_OUTPUTS))
    return {action.dest: action.default for action in parser._actions if action.dest not in before}


def run(args: argparse.Namespace, config: VideoSettings, results: Results) -> int:
    """Process the recording and print what came of it.

    Args:
        args: the flags of ``foundation_stereo video``.
        config: of the estimator.
        results: writes the files of each keyframe.
    """
    from foundation_stereo_ros.estimate.heap import keep_freed_memory
    from foundation_stereo_ros.ros.bags.pose_choice import choose_poses
    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.messages.video_topics import find_camera

    keep_freed_memory()
    with Recording(args.input) as recording:
        tell_notices(recording)
        if args.intrinsics and args.image_info:
            raise ConfigError("--intrinsics and --image-info are both given; expected one of them")
        topics = find_camera(
            recording.topics, image=args.image, image_info=args.image_info, calibrated=not args.intrinsics
        )
        chosen = choose_poses(recording, topics.image, _pose_options(args))
        for note in (topics.note, chosen.note):
            if note:
                print(printable(f"note: {note}"), file=sys.stderr)
        usual = (*_OUTPUTS, "confidence") if config.confidence else _OUTPUTS
        outputs = usual if args.outputs is None else named_outputs(args.outputs, config.confidence)
        options = job_options(args, recording, topics.namespace, outputs)
        keep(recording.files)
        return _process(args, config, recording, topics, chosen, options, results)


def _pose_options(args: argparse.Namespace) -> PoseOptions:
    from foundation_stereo_ros.geometry.poses import pose_from_quaternion
    from foundation_stereo_ros.ros.bags.pose_choice import PoseOptions

    place = args.camera_in_body
    return PoseOptions(
        topic=args.pose_topic,
        fixed_frame=args.fixed_frame,
        body_frame=args.body_frame,
        camera_in_body=pose_from_quaternion(place[:3], place[3:]) if place else None,
        gap_ns=round(args.pose_gap * 1e9),
    )


def _process(
    args: argparse.Namespace,
    config: VideoSettings,
    recording: Recording,
    topics: VideoTopics,
    chosen: ChosenPoses,
    options: JobOptions,
    results: Results,
) -> int:
    from foundation_stereo_ros.estimate.stereo.rectification import says_rectified
    from foundation_stereo_ros.estimate.video.estimator import VideoEstimator
    from foundation_stereo_ros.ros.bags.video_job import VideoBagJob
    from foundation_stereo_ros.ros.bags.writer import BagWriter
    from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline
    from foundation_stereo_ros.terminal import Interrupts

    written = is_recording(args.output)
    if written:
        check_output(args.output)
        check_place(recording, args.output)
    job: VideoBagJob | None = None
    code = 0
    # The outputs' places are checked before the network is loaded, which may take long.
    with (
        Interrupts() as interrupts,
        results.reserved(),
        BagWriter(args.output, force=args.force) if written else nullcontext() as writer,
    ):
        try:
            with FrameProgress(expected_frames(args, recording, topics.images.values())) as progress:
                pipeline = VideoPipeline(
                    VideoEstimator(config),
                    bool(says_rectified(topics.image)),
                    calibration=args.intrinsics,
                    camera_name=args.camera,
                )

                def on_result(stamp_ns: int, pose: Matrix, prediction: Prediction) -> None:
                    results.write(str(stamp_ns), prediction, pose)

                job = VideoBagJob(
                    recording,
                    topics,
                    pipeline,
                    chosen,
                    writer,
                    options,
                    axes=args.pose_axes or "opencv",
                    metres=args.pose_scale,
                    shield=interrupts.shield,
                    on_result=on_result,
                    on_event=lambda said: progress.say(printable(said)),
                    on_image=progress.step,
                )
                job.run()
        except KeyboardInterrupt:
            code = INTERRUPTED
        finally:
            if writer is not None:
                with interrupts.shield():
                    # Without a depth map the output would be nothing but a copy of the input.
                    (writer.close if job and job.report.frames else writer.discard)()
        results.finish()
    return _conclude(args, recording, job, code)


def _conclude(args: argparse.Namespace, recording: Recording, job: VideoBagJob | None, code: int) -> int:
    done = job is not None and job.report.frames > 0
    if job and done:
        print(printable(_summary(job, args.output)))
    if code == INTERRUPTED:
        kept = (
            f"{args.output} holds the frames done"
            if done
            else "before the first depth map, nothing is written"
        )
        print(f"interrupted: {kept}", file=sys.stderr)
        return code
    if recording.damage:
        said = f"warning: {recording.damage}; {args.output} holds the frames up to there"
        print(printable(said), file=sys.stderr)
        return DAMAGED
    return code


def _summary(job: VideoBagJob, output: Path) -> str:
    report, counts = job.report, job.counts
    rate = report.images["image"] / report.seconds if report.seconds else 0.0
    lines = [
        f"{output}: {counted(report.frames, 'depth map')} from {counted(report.images['image'], 'image')} in "
        f"{report.seconds:.1f} s ({rate:.2f} images/s)"
    ]
    if counts.without_pose:
        reasons = ", ".join(f"{number} {_WHERE[why]}" for why, number in counts.without_pose.most_common())
        lines.append(f"images without a pose: {counts.without_pose.total()} ({reasons})")
    if counts.refused_poses:
        lines.append(f"poses left out: {counts.refused_poses}")
    if counts.resets:
        lines.append(f"begun anew: {counted(counts.resets, 'time')}")
    if report.rejected:
        lines.append(f"left out: {report.rejected}; the last one: {report.reason}")
    return "\n".join(lines)


def is_recording(output: Path) -> bool:
    """Tell whether an output is to be a recording, by its name; otherwise it is a folder."""
    return output.suffix == ".mcap"


def refuse_flags(args: argparse.Namespace, defaults: dict[str, Any]) -> None:
    """Refuse flags of recordings, where a folder of images is read.

    Raises:
        ConfigError: names the first one.
    """
    for name, default in defaults.items():
        if getattr(args, name) != default:
            raise ConfigError(f"{flag(name)} is for recordings; expected none of their flags with a folder")
