# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo video``: images and poses in, from a folder or a recording; depth maps out."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli import video_recording
from foundation_stereo_ros.cli.options import add_setting_options, output, positive
from foundation_stereo_ros.errors import ConfigError, counted, printable
from foundation_stereo_ros.io.outputs import keep, reserved_folder
from foundation_stereo_ros.terminal import INTERRUPTED, FrameProgress

if TYPE_CHECKING:
    from foundation_stereo_ros.datasets.posed_video import PosedVideo
    from foundation_stereo_ros.estimate.prediction import Prediction
    from foundation_stereo_ros.estimate.video.config import VideoSettings
    from foundation_stereo_ros.estimate.video.folder import VideoJob, VideoResult
    from foundation_stereo_ros.io.fusion import Fusion
    from foundation_stereo_ros.shapes import Matrix

_UNUSED = (
    "baseline",
    "rectification",
)
NOTHING = 3
_EXIT_CODES = """\
exit codes:
  0    done
  1    nothing could be done; one line says why
  2    wrong usage
  3    no frame of a folder got a depth; one line says why
  4    the recording is damaged or breaks off; the output has the frames up to that point
  130  interrupted (Ctrl-C, SIGTERM); the frames done are written
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    from foundation_stereo_ros.estimate.setting import settings_of
    from foundation_stereo_ros.estimate.video.config import VideoSettings

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    add = parser.add_argument
    add(
        "input",
        type=Path,
        metavar="IN",
        help="folder with images and poses, or a recording (.mcap, .db3, ROS 1 .bag, rosbag2 folder); "
        "what is expected in them is in docs/video.md",
    )
    add(
        "-o",
        "--output",
        type=output,
        metavar="OUT",
        required=True,
        help="folder for the results; or OUT.mcap for the recording with depth and points",
    )
    add("--force", action="store_true", help="write into a folder that holds results, or replace OUT.mcap")
    add(
        "--resume",
        action="store_true",
        help="go on with an interrupted run: what is done stays. Settings and inputs have to be the same",
    )
    add(
        "--export",
        metavar="KINDS",
        help="files for each keyframe: one or more of npz,png,ply (default: npz; beside OUT.mcap none, and "
        "otherwise in OUT_frames)",
    )
    add("--fuse", action="store_true", help="also fuse all depths to mesh.ply and cloud.ply; needs Open3D")
    add("--fuse-voxel", type=positive, metavar="M", default=0.04, help="their resolution (default: 0.04 m)")
    add("--fuse-far", type=positive, metavar="M", default=4.0, help="of depths up to this (default: 4 m)")
    add_pose_options(parser)
    parser.set_defaults(of_recordings=video_recording.add_arguments(parser))
    group = parser.add_argument_group("pipeline")
    add_setting_options(group, settings_of(VideoSettings), without=_UNUSED)


def add_pose_options(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that say how poses and camera are meant."""
    poses = parser.add_argument_group("poses and camera")
    poses.add_argument(
        "--poses",
        type=Path,
        metavar="FILE",
        help="trajectory: stamp x y z qx qy qz qw a line, or a matrix a line (default: the folder's own)",
    )
    poses.add_argument(
        "--pose-axes",
        choices=("opencv", "opengl", "ros"),
        help="which way the camera's axes point: x right and y down, x right and y up, or x forward "
        "(default: as the layout has them, or as the images show)",
    )
    poses.add_argument(
        "--pose-scale",
        type=positive,
        metavar="X",
        default=1.0,
        help="metres that the unit of the poses stands for (default: 1)",
    )
    poses.add_argument(
        "--intrinsics",
        type=Path,
        metavar="FILE",
        help="calibration: K as nine numbers, CameraInfo as YAML, OpenCV, Kalibr, EuRoC, Middlebury, KITTI, "
        "COLMAP's cameras.txt, ZED, OAK or RealSense (default: the folder's own)",
    )
    poses.add_argument(
        "--camera",
        default="",
        metavar="NAME",
        help="camera in that file, as cam1, right or 2 (default: the first one)",
    )


def run(args: argparse.Namespace) -> int:
    """Process the folder or the recording, and print what came of it."""
    from foundation_stereo_ros.datasets.posed_layouts import open_posed_video
    from foundation_stereo_ros.estimate.cloud import check_filters
    from foundation_stereo_ros.estimate.files import parse_kinds
    from foundation_stereo_ros.estimate.setting import settings_of
    from foundation_stereo_ros.estimate.video.config import VideoSettings
    from foundation_stereo_ros.ros.bags.storage import holds_recording

    given = vars(args)
    names = [s.name for s in settings_of(VideoSettings) if s.name in given]
    config = VideoSettings.from_mapping({name: given[name] for name in names})
    recorded = holds_recording(args.input)
    beside = recorded and video_recording.is_recording(args.output)
    kinds = parse_kinds(("" if beside else "npz") if args.export is None else args.export)
    folder = args.output.with_name(f"{args.output.stem}_frames") if beside else args.output
    results = Results(folder, config, kinds, args.force or args.resume)
    check_filters(config)
    if recorded:
        if args.poses:
            raise ConfigError(f"--poses {args.poses} is for folders; expected --pose-topic with a recording")
        if args.resume:
            raise ConfigError("--resume is for folders; expected none with a recording")
        results.prepare(_fusion(args))
        return video_recording.run(args, config, results)
    video_recording.refuse_flags(args, args.of_recordings)
    video = open_posed_video(args.input, args.poses)
    results.prepare(_fusion(args))
    keep(path for frame in video.frames for path in (frame.path, frame.depth) if path)
    with results.reserved():
        return _process(args, config, video, results)


class Results:
    """The files of a video: some for each keyframe, and what all are fused to.

    Args:
        folder: for them.
        config: has the cloud's settings.
        kinds: some of `estimate.files.KINDS`.
        force: the folder may hold something already.

    Attributes:
        kinds: the same.
    """

    def __init__(self, folder: Path, config: VideoSettings, kinds: tuple[str, ...], force: bool) -> None:
        self.kinds = kinds
        self._folder, self._config, self._force = folder, config, force
        self._fusion: Fusion | None = None

    def prepare(self, fusion: Fusion | None) -> None:
        """Check the folder.

        Args:
            fusion: gets all depth maps; None: nothing is fused.

        Raises:
            ConfigError: something is in it.
        """
        self._fusion = fusion
        used = self.kinds or fusion
        if used and self._folder.is_dir() and any(self._folder.iterdir()) and not self._force:
            raise ConfigError(f"{self._folder} is not empty", remedy="force")

    def reserved(self) -> AbstractContextManager[None]:
        """Keep other jobs out of the folder until the block ends."""
        return reserved_folder(self._folder) if self.kinds or self._fusion else nullcontext()

    def write(self, name: str, prediction: Prediction, pose: Matrix) -> None:
        """Write a keyframe's files, and fuse it.

        Args:
            name: of the frame.
            prediction: its depth.
            pose: 4 x 4, from the camera's optical frame to the fixed frame.
        """
        from foundation_stereo_ros.estimate.files import write_npz, write_result

        if "npz" in self.kinds:
            write_npz(self._folder / f"{name}.npz", prediction)
        others = [kind for kind in self.kinds if kind != "npz"]
        write_result(self._folder, prediction, self._config, others, prefix=f"{name}_")
        if self._fusion is not None:
            self._fusion.add(prediction.image, prediction.depth, prediction.camera, pose)

    def finish(self) -> None:
        """Write what all were fused to, and print the names."""
        if self._fusion is not None and self._fusion.views:
            for path in self._fusion.write(self._folder):
                print(path)


def _process(args: argparse.Namespace, config: VideoSettings, video: PosedVideo, results: Results) -> int:
    from foundation_stereo_ros.estimate.video.estimator import VideoEstimator
    from foundation_stereo_ros.estimate.video.folder import VideoJob, keyframe_advice
    from foundation_stereo_ros.estimate.video.progress import Progress

    estimator = VideoEstimator(config)
    job = VideoJob(video, estimator, args.pose_axes or "", args.pose_scale, args.intrinsics, args.camera)
    for said in (video.note, job.check_poses()):
        if said:
            print(printable(f"warning: {said}"), file=sys.stderr)
    code = 0
    done = Progress(args.output, job, results.kinds)
    if args.resume:
        done.resume(again=args.fuse)
        print(f"going on after {job.report.frames} of {counted(len(video.frames), 'frame')}", file=sys.stderr)
    else:
        done.begin()
    try:
        with FrameProgress(len(video.frames)) as progress:
            progress.step(job.report.frames)
            for result in job.run():
                _tell(result)
                if result.prediction is not None:
                    results.write(result.frame.name, result.prediction, result.pose)
                done.note(result)
                progress.step()
    except KeyboardInterrupt:
        code = INTERRUPTED
    results.finish()
    print(_summary(job, args.output))
    if code == INTERRUPTED:
        print(f"interrupted: {args.output} holds the frames done; --resume goes on", file=sys.stderr)
    elif not job.report.predictions:
        print(f"error: {keyframe_advice(job)}", file=sys.stderr)
        return NOTHING
    return code


def _fusion(args: argparse.Namespace) -> Fusion | None:
    if not args.fuse:
        return None
    from foundation_stereo_ros.io.fusion import Fusion

    return Fusion(args.fuse_voxel, args.fuse_far)


def _tell(result: VideoResult) -> None:
    from tqdm import tqdm

    for event in result.events:
        tqdm.write(printable(event), file=sys.stderr)


def _summary(job: VideoJob, folder: Path) -> str:
    report = job.report
    lines = [f"{folder}: {counted(report.predictions, 'depth map')} from {counted(report.frames, 'frame')}"]
    if report.without_pose:
        lines.append(f"frames without a pose: {report.without_pose}")
    if report.resets:
        lines.append(f"begun anew: {counted(report.resets, 'time')}")
    if report.refused:
        reason, _ = report.refused.most_common(1)[0]
        lines.append(f"left out: {report.refused.total()}; most often because {reason}")
    return "\n".join(lines)
