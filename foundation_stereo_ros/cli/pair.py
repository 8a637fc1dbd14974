# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo pair``: two image files in; pictures, cloud and arrays out."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import add_pipeline_options, pipeline_config
from foundation_stereo_ros.errors import ConfigError

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.config import PipelineConfig
    from foundation_stereo_ros.estimate.prediction import Prediction
    from foundation_stereo_ros.geometry.calibration import Calibration
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
    from foundation_stereo_ros.datasets.images import read_pair
    from foundation_stereo_ros.estimate.files import parse_kinds, write_result
    from foundation_stereo_ros.estimate.heap import keep_freed_memory

    keep_freed_memory()  # before torch is loaded
    config = pipeline_config(args)
    kinds = parse_kinds(args.export)
    left, right = read_pair(args.left, args.right)
    left, right, stereo = _rectified(args, config, left, right)

    from foundation_stereo_ros.estimate.estimator import StereoEstimator

    result = StereoEstimator(config)(left, right, stereo)
    written = write_result(args.output, result, config, kinds)
    for path in written:
        print(path)
    if result.note:
        print(result.note)
    print(_summary(result))
    return 0


def _rectified(
    args: argparse.Namespace, config: PipelineConfig, left: RgbImage, right: RgbImage
) -> tuple[RgbImage, RgbImage, StereoRig]:
    from foundation_stereo_ros.estimate.rectification import StereoRectification
    from foundation_stereo_ros.io.calibration import camera_from_intrinsics, is_yaml

    size = (left.shape[1], left.shape[0])
    given = [name for name in _CAMERA_FLAGS if getattr(args, name) is not None]
    if not args.intrinsics:
        return left, right, _camera_from_flags(args, config, size)
    if given:
        flag = given[0].replace("_", "-")
        raise ConfigError(f"--intrinsics and --{flag} are both given; expected one of them")
    if len(args.intrinsics) > 2:
        raise ConfigError(
            f"--intrinsics has {len(args.intrinsics)} files; expected one, or a left and a right one"
        )
    if not is_yaml(args.intrinsics[0]):
        if len(args.intrinsics) == 2:
            raise ConfigError(
                "--intrinsics has two files that are no YAML; expected one text file or two YAML files"
            )
        return left, right, camera_from_intrinsics(args.intrinsics[0], size, config.baseline or None)
    left_info, right_info = _calibrations(args.intrinsics, config)
    rectification = StereoRectification(left_info, right_info, size, config)
    return *rectification(left, right), rectification.stereo


def _calibrations(paths: Sequence[Path], config: PipelineConfig) -> tuple[Calibration, Calibration]:
    from foundation_stereo_ros.io.calibration import read_camera_info

    right = read_camera_info(paths[-1])
    if len(paths) == 2:
        return read_camera_info(paths[0]), right
    if right.needs_rectification and config.rectification != "off":
        raise ConfigError(f"{paths[0]} has a distortion or a rotation; expected the files of both cameras")
    # One file of rectified cameras stands for both; that of the right one knows the baseline as well.
    p = right.p.copy()
    p[0, 3] = 0.0
    return dataclasses.replace(right, p=p), right


def _camera_from_flags(args: argparse.Namespace, config: PipelineConfig, size: tuple[int, int]) -> StereoRig:
    from foundation_stereo_ros.geometry.camera import Camera, StereoRig

    if args.fx is None or not config.baseline:
        raise ConfigError("the cameras are not known; expected --intrinsics FILE, or --fx and --baseline")
    for name in ("fx", "fy"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"--{name} is {value}; expected a positive number of pixels")
    # Middle of the image in the convention that pixel 0 is the centre of the first one.
    cx = (size[0] - 1) / 2 if args.cx is None else args.cx
    cy = (size[1] - 1) / 2 if args.cy is None else args.cy
    cx_right = cx if args.cx_right is None else args.cx_right
    fy = args.fx if args.fy is None else args.fy
    left = Camera(*size, fx=args.fx, fy=fy, cx=cx, cy=cy)
    right = Camera(*size, fx=args.fx, fy=fy, cx=cx_right, cy=cy)
    return StereoRig(left, right, config.baseline)


def _summary(result: Prediction) -> str:
    height, width = result.depth.shape
    share = 100 * float(result.valid.mean())
    depths = result.depth[result.valid]
    reach = f"depth {depths.min():.3f} to {depths.max():.3f} m" if depths.size else "no depth"
    return f"{width} x {height} pixels, {share:.1f} % valid, {reach}, {sum(result.seconds.values()):.2f} s"
