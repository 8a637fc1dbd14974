# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo pair``: two image files in; pictures, cloud and arrays out."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import (
    ALL_INVALID,
    add_intrinsics,
    add_pipeline_options,
    calibration_files,
    in_flags,
    output,
    pipeline_config,
)
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.io.outputs import check_free, reserved_folder

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.config import PipelineConfig
    from foundation_stereo_ros.estimate.prediction import Prediction
    from foundation_stereo_ros.estimate.stereo.rectification import StereoRectification
    from foundation_stereo_ros.geometry.camera import StereoRig
    from foundation_stereo_ros.shapes import RgbImage

_CAMERA_FLAGS = ("fx", "fy", "cx", "cy", "cx_right")


_EXIT_CODES = """\
exit codes:
  0    done
  1    nothing could be done; one line says why
  2    wrong usage
  4    every pixel is invalid; the files are written
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    parser.add_argument("left", type=Path, metavar="LEFT", help="image of the left camera, 8 or 16 bit")
    parser.add_argument(
        "right", type=Path, metavar="RIGHT", help="image of the right camera, of the same size"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=output,
        metavar="DIR",
        default=Path(),
        help="folder for the results (default: the current one)",
    )
    parser.add_argument("--force", action="store_true", help="replace results that are there")
    parser.add_argument(
        "--export",
        default="png,ply,npz",
        metavar="KINDS",
        help="files to write: one or more of png,ply,npz (default: all)",
    )
    camera = parser.add_argument_group(
        "cameras", "Give either --intrinsics, or at least --fx and --baseline."
    )
    add_intrinsics(camera)
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
    from foundation_stereo_ros.estimate.files import parse_kinds, result_names
    from foundation_stereo_ros.estimate.heap import keep_freed_memory
    from foundation_stereo_ros.estimate.stereo.rectification import common_size
    from foundation_stereo_ros.io.pictures import read_pair

    keep_freed_memory()  # before torch is loaded
    config = pipeline_config(args)
    kinds = parse_kinds(args.export)
    with reserved_folder(args.output):
        names = result_names(kinds, confidence=config.confidence)
        check_free((args.output / name for name in names), args.force)
        left, right = read_pair(args.left, args.right)
        rectify, rig = _cameras(args, config, common_size(left, right))
        return _estimate(args, config, kinds, (left, right), rectify, rig)


def _estimate(
    args: argparse.Namespace,
    config: PipelineConfig,
    kinds: Collection[str],
    pair: tuple[RgbImage, RgbImage],
    rectify: StereoRectification | None,
    rig: StereoRig,
) -> int:
    from foundation_stereo_ros.estimate.files import write_result
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
    from foundation_stereo_ros.estimate.validity import why_all_invalid

    left, right = rectify(*pair) if rectify else pair
    prediction = StereoEstimator(config)(left, right, rig)
    why = "" if prediction.valid.any() else why_all_invalid(prediction, config)
    if rectify:
        prediction = rectify.restored(prediction)
    for path in write_result(args.output, prediction, config, kinds):
        print(path)
    if prediction.note:
        print(prediction.note)
    for remark in prediction.remarks:
        print(f"warning: {in_flags(remark)}", file=sys.stderr)
    print(_summary(prediction))
    if why:
        print(f"error: {why}", file=sys.stderr)
        return ALL_INVALID
    return 0


def _cameras(
    args: argparse.Namespace, config: PipelineConfig, size: tuple[int, int]
) -> tuple[StereoRectification | None, StereoRig]:
    from foundation_stereo_ros.estimate.stereo.rectification import StereoRectification

    files = calibration_files(args)
    if not files:
        return None, _rig_from_flags(args, config, size)
    given = [name for name in _CAMERA_FLAGS if getattr(args, name) is not None]
    if given:
        flag = given[0].replace("_", "-")
        raise ConfigError(f"--intrinsics and --{flag} are both given; expected one of them")
    rectify = StereoRectification.from_files(files, size, config)
    if rectify.note:
        print(f"note: {rectify.note}", file=sys.stderr)
    return rectify, rectify.rig


def _rig_from_flags(args: argparse.Namespace, config: PipelineConfig, size: tuple[int, int]) -> StereoRig:
    from foundation_stereo_ros.geometry.camera import StereoRig
    from foundation_stereo_ros.geometry.plausibility import oddities

    if args.fx is None or not config.baseline:
        raise ConfigError("the cameras are not known; expected --intrinsics FILE, or --fx and --baseline")
    for name in ("fx", "fy"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"--{name} is {value}; expected a positive number of pixels")
    given = {name: getattr(args, name) for name in _CAMERA_FLAGS}
    rig = StereoRig.from_focal_length(baseline=config.baseline, size=size, **given)
    for sentence in oddities(rig):
        print(f"warning: {sentence}", file=sys.stderr)
    return rig


def _summary(prediction: Prediction) -> str:
    height, width = prediction.depth.shape
    share = 100 * float(prediction.valid.mean())
    depths = prediction.depth[prediction.valid]
    reach = f"depth {depths.min():.3f} to {depths.max():.3f} m" if depths.size else "no depth"
    seconds = sum(prediction.seconds.values())
    return f"{width} x {height} pixels, {share:.1f} % valid, {reach}, {seconds:.2f} s"
