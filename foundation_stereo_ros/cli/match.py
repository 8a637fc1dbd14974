# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo match``: two pictures in; pixels that show the same spots, and depth of both, out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import (
    add_limit_option,
    add_scene_options,
    output,
    scene_config,
)
from foundation_stereo_ros.io.outputs import check_free, reserved_folder

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.views.reconstructor import SceneReconstructor
    from foundation_stereo_ros.estimate.views.scene import View

_EXIT_CODES = """\
exit codes:
  0    done
  1    nothing could be done; one line says why
  2    wrong usage
  3    no match was found; the files are written
"""
_NOTHING = 3
_USED = (  # settings of the network; those of the alignment make no sense for a pair
    "checkpoint",
    "device",
    "precision",
    "size",
    "match_step",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    parser.add_argument("first", type=Path, metavar="A", help="a picture, 8 or 16 bit")
    parser.add_argument("second", type=Path, metavar="B", help="another one of the same scene, of any size")
    parser.add_argument(
        "-o", "--output", type=output, metavar="OUT", required=True, help="folder for the results"
    )
    parser.add_argument("--force", action="store_true", help="replace results that are there")
    parser.add_argument(
        "--export",
        default="csv,npz,png",
        metavar="KINDS",
        help="files to write: one or more of csv (matches), npz (matches; and predictions.npz, all that the "
        "network says), png (lines between matches; depth of both, 16 bit, mm) (default: all)",
    )
    add_scene_options(parser, only=_USED)
    add_limit_option(parser)


def run(args: argparse.Namespace) -> int:
    """Match two pictures and print what was written."""
    from foundation_stereo_ros.estimate.heap import keep_freed_memory

    keep_freed_memory()  # before torch is loaded
    from foundation_stereo_ros.estimate.views.files.folder import read_views
    from foundation_stereo_ros.estimate.views.files.pair_files import pair_files
    from foundation_stereo_ros.estimate.views.reconstructor import SceneReconstructor

    names = pair_files(args.export)
    check_free((args.output / name for name in names), args.force)
    views = read_views([args.first, args.second])
    reconstructor = SceneReconstructor(scene_config(args))
    tell_licence(reconstructor.licence)
    with reserved_folder(args.output):
        check_free((args.output / name for name in names), args.force)
        return _match(args.output, reconstructor, views, names)


def _match(
    folder: Path, reconstructor: SceneReconstructor, views: Sequence[View], names: Sequence[str]
) -> int:
    from foundation_stereo_ros.estimate.views.files.pair_files import off_border, write_pair
    from foundation_stereo_ros.estimate.views.two_views import TwoViews

    config = reconstructor.config
    pair = TwoViews(reconstructor.network, config.size).predict(views[0].image, views[1].image)
    masks = [
        None if view.mask is None else grid.mask(view.mask)
        for view, grid in zip(views, pair.grids, strict=True)
    ]
    found = off_border(pair, pair.matches(config.match_step, *masks))
    for path in write_pair(folder, pair, found, names):
        print(path)
    sizes = " and ".join(f"{grid.width} x {grid.height}" for grid in pair.grids)
    print(f"{len(found)} matches between {sizes} pixels")
    if not len(found):
        print("error: the pictures share nothing that the network recognises", file=sys.stderr)
        return _NOTHING
    return 0


def tell_licence(licence: str) -> None:
    """Say once on stderr what weights may be used for."""
    if licence:
        print(f"note: licence of the weights: {licence}", file=sys.stderr)
