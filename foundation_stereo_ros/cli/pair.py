# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo pair``: two image files in; pictures, cloud and arrays out."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import add_pipeline_options, in_flags, pipeline_config
from foundation_stereo_ros.errors import ConfigError

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.config import PipelineConfig
    from foundation_stereo_ros.estimate.prediction import Prediction
    from foundation_stereo_ros.geometry.camera import StereoRig
    from foundation_stereo_ros.shapes import RgbImage

_CAMERA_FLAGS = ("fx", "fy", "cx", "cy", "cx_right")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.add_argument("left", type=Path, metavar="LEFT", help="image of the left camera, 8 or 16 bit")
    parser.add_argument(
        "right", type=Path, metavar="RIGHT", help="image of the right camera, of the same size"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        default=Path(),
        help="folder for the results (default: the current one)",
    )
    parser.add_argument(
        "--export",
        default="png,ply,npz",
        metavar="KINDS",
        help="files to write: one or more of png,ply,npz (default: all)",
    )
    camera = parser.add_argument_group(
        "cameras", "Give either --intrinsics, or at least --fx and --baseline."
    )
    camera.add_argument(
        "--intrinsics",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="text file with K row by row on line 1 and the baseline in metres on line 2; "
        "or the CameraInfo YAML files of the left and the right camera",
    )
    camera.add_argument(
        "--fx", type=float, metavar="PX", help="focal length of the rectified images in pixels"
    )
    camera.add_argument("--fy", type=float, metavar="PX", help="vertical focal length (default: fx)")
    camera.add_argument(
        "--cx", type=float, metavar="PX", help="column of the left principal point (default: the middle)"
    )
    camera.add_argument(
        "--cy", type=float, metavar="PX", help="row of both principal points (default: the middle)"
    )
    camera.add_argument("--cx-right", type=float, metavar="PX", help="column of the right one (default: cx)")
    add_pipeline_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run on the pair and print what was written."""
    from foundation_stereo_ros.estimate.files import parse_kinds, write_result
    from foundation_stereo_ros.estimate.heap import keep_freed_memory
    from foundation_stereo_ros.io.pictures import read_pair

    keep_freed_memory()  # before torch is loaded
    config = pipeline_config(args)
    kinds = parse_kinds(args.export)
    left, right = read_pair(args.left, args.right)
    left, right, rig = _rectified(args, config, left, right)

    from foundation_stereo_ros.estimate.estimator import StereoEstimator

    prediction = StereoEstimator(config)(left, right, rig)
    for path in write_result(args.output, prediction, config, kinds):
        print(path)
    if prediction.note:
        print(prediction.note)
    for remark in prediction.remarks:
        print(f"warning: {in_flags(remark)}", file=sys.stderr)
    print(_summary(prediction))
    return 0


def _rectified(
    args: argparse.Namespace, config: PipelineConfig, left: RgbImage, right: RgbImage
) -> tuple[RgbImage, RgbImage, StereoRig]:
    from foundation_stereo_ros.estimate.rectification import StereoRectification
    from foundation_stereo_ros.io.calibration import camera_from_intrinsics, is_yaml, read_camera_infos

    size = (left.shape[1], left.shape[0])
    files: list[Path] = args.intrinsics or []
    if not files:
        return left, right, _rig_from_flags(args, config, size)
    given = [name for name in _CAMERA_FLAGS if getattr(args, name) is not None]
    if given:
        flag = given[0].replace("_", "-")
        raise ConfigError(f"--intrinsics and --{flag} are both given; expected one of them")
    if len(files) > 2:
        raise ConfigError(f"--intrinsics has {len(files)} files; expected one, or a left and a right one")
    if not is_yaml(files[0]):
        if len(files) == 2:
            raise ConfigError(
                "--intrinsics has two files that are no YAML; expected one text file or two YAML files"
            )
        return left, right, camera_from_intrinsics(files[0], size, config.baseline or None)
    infos = read_camera_infos(*files)
    if len(files) == 1 and infos[1].needs_rectification and config.rectification != "off":
        raise ConfigError(f"{files[0]} has a distortion or a rotation; expected the files of both cameras")
    rectify = StereoRectification(*infos, size, config)
    return *rectify(left, right), rectify.rig


def _rig_from_flags(args: argparse.Namespace, config: PipelineConfig, size: tuple[int, int]) -> StereoRig:
    from foundation_stereo_ros.geometry.camera import StereoRig

    if args.fx is None or not config.baseline:
        raise ConfigError("the cameras are not known; expected --intrinsics FILE, or --fx and --baseline")
    for name in ("fx", "fy"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"--{name} is {value}; expected a positive number of pixels")
    given = {name: getattr(args, name) for name in _CAMERA_FLAGS}
    return StereoRig.from_focal_length(baseline=config.baseline, size=size, **given)


def _summary(prediction: Prediction) -> str:
    height, width = prediction.depth.shape
    share = 100 * float(prediction.valid.mean())
    depths = prediction.depth[prediction.valid]
    reach = f"depth {depths.min():.3f} to {depths.max():.3f} m" if depths.size else "no depth"
    seconds = sum(prediction.seconds.values())
    return f"{width} x {height} pixels, {share:.1f} % valid, {reach}, {seconds:.2f} s"
