# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo evaluate --dataset video``: depth of a moving camera against true depth."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.cli.options import add_setting_options, count, flag, in_flags, positive
from foundation_stereo_ros.cli.video import add_pose_options
from foundation_stereo_ros.errors import ConfigError, FileFormatError, FoundationStereoError, printable
from foundation_stereo_ros.io.outputs import check_output, keep
from foundation_stereo_ros.terminal import INTERRUPTED, FrameProgress

if TYPE_CHECKING:
    from foundation_stereo_ros.datasets.posed_video import PosedVideo
    from foundation_stereo_ros.evaluate.video_gallery import VideoGallery
    from foundation_stereo_ros.evaluate.video_job import VideoEvaluation

INCOMPLETE = 3
_SHARED = ("checkpoint", "device", "precision")
_OF_THE_PROCESS = "max_megapixels"
_OWN = (
    "size",
    "views",
    "keyframes",
    "keyframe_distance",
    "optimal_translation",
    "lost_after",
    "jump_distance",
    "jump_angle",
    "range_scale",
)
_DEFAULTS: Mapping[str, Any] = {
    "every": 1,
    "max_depth": math.inf,
    "poses": None,
    "pose_axes": None,
    "pose_scale": 1.0,
    "intrinsics": None,
    "camera": "",
}
_STEREO: Mapping[str, Any] = {
    "limit": None,
    "warm": False,
    "peer": None,
    "sgbm_disparities": None,
    "max_disparity": None,
}
_STEREO_FLAGS = {"peer": "baseline"}


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of posed video; loads no torch."""
    from foundation_stereo_ros.estimate.setting import settings_of
    from foundation_stereo_ros.estimate.video.config import VideoSettings

    group = parser.add_argument_group("posed video (--dataset video)")
    group.add_argument(
        "--every", type=count, metavar="N", default=1, help="compare every n-th keyframe only (default: 1)"
    )
    group.add_argument(
        "--max-depth",
        type=positive,
        metavar="M",
        default=math.inf,
        help="ignore pixels whose true depth is more than M metres (default: none)",
    )
    add_pose_options(parser)
    add_setting_options(group, [s for s in settings_of(VideoSettings) if s.name in _OWN])


def refuse_video_options(args: argparse.Namespace) -> None:
    """See that no flag of posed video is given with another dataset.

    Raises:
        ConfigError: names one that is.
    """
    _refuse(args, {**_DEFAULTS, **dict.fromkeys(_OWN)}, f"dataset {args.dataset} has no such choice")


def _refuse(args: argparse.Namespace, defaults: Mapping[str, Any], why: str) -> None:
    for name, default in defaults.items():
        value = getattr(args, name, default)
        if value != default:
            shown = "" if value is True else f" {value}"
            raise ConfigError(f"{flag(_STEREO_FLAGS.get(name, name))}{shown}: {why}")


def evaluate_video(args: argparse.Namespace, stereo_only: tuple[str, ...]) -> int:
    """Evaluate; prints the table and writes what was asked for.

    Args:
        args: parsed.
        stereo_only: settings of stereo that may have been given.
    """
    _refuse(
        args,
        {**_STEREO, **dict.fromkeys(set(stereo_only) - {*_SHARED, _OF_THE_PROCESS})},
        "posed video has no such choice",
    )
    from foundation_stereo_ros.datasets.posed_layouts import posed_videos
    from foundation_stereo_ros.estimate.video.config import VideoSettings
    from foundation_stereo_ros.estimate.video.estimator import VideoEstimator
    from foundation_stereo_ros.evaluate.video_gallery import VideoGallery
    from foundation_stereo_ros.evaluate.video_job import VideoEvaluation
    from foundation_stereo_ros.terminal import Interrupts

    given = vars(args)
    names = [name for name in (*_SHARED, *_OWN) if name in given]
    # The network cannot leave out pixels, as with stereo.
    config = VideoSettings.from_mapping({**{n: given[n] for n in names}, "remove_invisible": False})
    videos = posed_videos(args.root, args.poses)
    frames = [frame for video in videos.values() for frame in video.frames]
    if not any(frame.depth for frame in frames):
        layouts = " and ".join(dict.fromkeys(video.layout for video in videos.values()))
        raise FileFormatError(
            f"{args.root} ({layouts}) has no true depth; expected depth images beside those of the camera"
        )
    keep(path for frame in frames for path in (frame.path, frame.depth) if path)
    pages = [args.output / name for name in ("results.json", "index.html")] if args.output else []
    for path in (*pages, *([args.json] if args.json else [])):
        check_output(path)
    job = VideoEvaluation(VideoEstimator(config), args.every, args.max_depth)
    gallery = VideoGallery(args.output) if args.output else None
    # A second Ctrl-C does not stop what is done from being written.
    with Interrupts():
        try:
            with FrameProgress(len(frames)) as progress:
                for name, video in videos.items():
                    _evaluate(args, name, video, job, gallery, progress)
        except KeyboardInterrupt:
            job.interrupted = True
        return _conclude(args, videos, job, gallery)


def _evaluate(
    args: argparse.Namespace,
    name: str,
    video: PosedVideo,
    job: VideoEvaluation,
    gallery: VideoGallery | None,
    progress: FrameProgress,
) -> None:
    from foundation_stereo_ros.estimate.video.folder import VideoJob
    from foundation_stereo_ros.evaluate.job import Failure

    try:
        axes = args.pose_axes or ""
        source = VideoJob(video, job.estimator, axes, args.pose_scale, args.intrinsics, args.camera)
        for said in (video.note, source.check_poses()):
            if said:
                print(printable(f"warning: {name}: {said}"), file=sys.stderr)
        for done in job.evaluate(name, source):
            if done and gallery:
                gallery.add(done)
            progress.step()
    except FoundationStereoError as error:
        # One video does not cost the figures of the others, nor those that it has itself.
        job.failed.append(Failure(name, in_flags(error)))


def _conclude(
    args: argparse.Namespace,
    videos: Mapping[str, PosedVideo],
    job: VideoEvaluation,
    gallery: VideoGallery | None,
) -> int:
    from foundation_stereo_ros.evaluate.video_report import facts, table
    from foundation_stereo_ros.io.files import write_json

    if job.results:
        results = facts(args.root, videos, job, (*_SHARED, *_OWN))
        print(table(job))
        if args.json:
            write_json(args.json, results)
        if gallery:
            write_json(args.output / "results.json", results)
            print(f"pictures: {gallery.write_page(job, results)}")
    elif not job.failed:
        found = sum(job.keyframes.values())
        print(f"error: nothing to compare: none of {found} keyframes counts and has truth", file=sys.stderr)
    for failure in job.failed:
        print(printable(f"failed: {failure.name}: {failure.reason}"), file=sys.stderr)
    if job.interrupted:
        print("interrupted: the figures are those of the frames done", file=sys.stderr)
        return INTERRUPTED
    if not job.results:
        return 1
    return INCOMPLETE if job.failed else 0
