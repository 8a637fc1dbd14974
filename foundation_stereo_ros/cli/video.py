# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo video``: a folder with images and poses in; a depth map for each keyframe out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import add_setting_options, output, positive
from foundation_stereo_ros.errors import ConfigError, counted, printable
from foundation_stereo_ros.io.outputs import keep, reserved_folder
from foundation_stereo_ros.terminal import INTERRUPTED, FrameProgress

if TYPE_CHECKING:
    from foundation_stereo_ros.datasets.posed_video import PosedVideo
    from foundation_stereo_ros.estimate.video.config import VideoSettings
    from foundation_stereo_ros.estimate.video.folder import VideoJob, VideoResult
    from foundation_stereo_ros.io.fusion import Fusion

_UNUSED = (
    "baseline",
    "rectification",
    "depth_encoding",
    "confidence",
    "confidence_threshold",
    "organized",
)
NOTHING = 3
_EXIT_CODES = """\
exit codes:
  0    done
  1    nothing could be done; one line says why
  2    wrong usage
  3    no frame got a depth; one line says why
  130  interrupted (Ctrl-C, SIGTERM); the frames done are written
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    from foundation_stereo_ros.estimate.setting import settings_of
    from foundation_stereo_ros.estimate.video.config import VideoSettings

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    add = parser.add_argument
    add("input", type=Path, metavar="FOLDER", help="images and poses; the layouts are in docs/video.md")
    add("-o", "--output", type=output, metavar="DIR", required=True, help="folder for the results")
    add("--force", action="store_true", help="write into a folder that holds results already")
    add(
        "--export",
        default="npz",
        metavar="KINDS",
        help="files for each keyframe: one or more of npz,png,ply (default: npz)",
    )
    add("--fuse", action="store_true", help="also fuse all depths to mesh.ply and cloud.ply; needs Open3D")
    add("--fuse-voxel", type=positive, metavar="M", default=0.04, help="their resolution (default: 0.04 m)")
    add("--fuse-far", type=positive, metavar="M", default=4.0, help="of depths up to this (default: 4 m)")
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
        help="K as nine numbers, or a CameraInfo YAML file (default: the folder's own)",
    )
    group = parser.add_argument_group("pipeline")
    add_setting_options(group, settings_of(VideoSettings), without=_UNUSED)


def run(args: argparse.Namespace) -> int:
    """Process the folder and print what came of it."""
    from foundation_stereo_ros.datasets.posed_layouts import open_posed_video
    from foundation_stereo_ros.estimate.cloud import check_filters
    from foundation_stereo_ros.estimate.files import parse_kinds
    from foundation_stereo_ros.estimate.setting import settings_of
    from foundation_stereo_ros.estimate.video.config import VideoSettings

    given = vars(args)
    names = [s.name for s in settings_of(VideoSettings) if s.name in given]
    config = VideoSettings.from_mapping({name: given[name] for name in names})
    kinds = parse_kinds(args.export)
    video = open_posed_video(args.input, args.poses)
    if args.output.is_dir() and any(args.output.iterdir()) and not args.force:
        raise ConfigError(f"{args.output} is not empty", remedy="force")
    check_filters(config)
    fusion = _fusion(args)
    keep(path for frame in video.frames for path in (frame.path, frame.depth) if path)
    with reserved_folder(args.output):
        return _process(args, config, video, kinds, fusion)


def _process(
    args: argparse.Namespace,
    config: VideoSettings,
    video: PosedVideo,
    kinds: tuple[str, ...],
    fusion: Fusion | None,
) -> int:
    from foundation_stereo_ros.estimate.video.estimator import VideoEstimator
    from foundation_stereo_ros.estimate.video.folder import VideoJob, keyframe_advice

    estimator = VideoEstimator(config)
    job = VideoJob(video, estimator, args.pose_axes or "", args.pose_scale, args.intrinsics)
    for said in (video.note, job.check_poses()):
        if said:
            print(printable(f"warning: {said}"), file=sys.stderr)
    code = 0
    try:
        with FrameProgress(len(video.frames)) as progress:
            for result in job.run():
                _tell(result)
                _write(args.output, result, config, kinds, fusion)
                progress.step()
    except KeyboardInterrupt:
        code = INTERRUPTED
    if fusion is not None and fusion.views:
        for path in fusion.write(args.output):
            print(path)
    print(_summary(job, args.output))
    if code == INTERRUPTED:
        print(f"interrupted: {args.output} holds the frames done", file=sys.stderr)
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


def _write(
    folder: Path,
    result: VideoResult,
    config: VideoSettings,
    kinds: tuple[str, ...],
    fusion: Fusion | None,
) -> None:
    from foundation_stereo_ros.estimate.files import write_npz, write_result

    prediction, name = result.prediction, result.frame.name
    if prediction is None:
        return
    if "npz" in kinds:
        write_npz(folder / f"{name}.npz", prediction)
    write_result(folder, prediction, config, [kind for kind in kinds if kind != "npz"], prefix=f"{name}_")
    if fusion is not None:
        fusion.add(prediction.image, prediction.depth, prediction.camera, result.pose)


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
