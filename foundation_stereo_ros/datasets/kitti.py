# SPDX-License-Identifier: Apache-2.0
"""KITTI stereo 2012 and 2015: the training pairs, first frames (``_10``), with the laser's sparse truth.

    2015  image_2/000000_10.png image_3/ disp_occ_0/ disp_noc_0/    calib_cam_to_cam/000000.txt
    2012  colored_0/000000_10.png colored_1/ disp_occ/ disp_noc/    calib/000000.txt; grey: image_0/ image_1/

The root is the folder of these, or the one that holds it as ``training``. ``disp_occ`` is all ground truth;
what ``disp_noc`` knows as well is seen by both cameras. Values are disparity times 256, 0 is unknown.

https://www.cvlibs.net/datasets/kitti
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from foundation_stereo_ros.datasets.calibration_files import read_kitti_calibration
from foundation_stereo_ros.datasets.dataset import (
    Averaging,
    DatasetOptions,
    StereoDataset,
    StereoItem,
    StereoNumbers,
    Stored,
)
from foundation_stereo_ros.datasets.disparity_files import read_known, read_png_disparity
from foundation_stereo_ros.datasets.tree import at_least_one, files_below
from foundation_stereo_ros.errors import FileFormatError

SCALE = 256.0


class _Layout(NamedTuple):
    title: str
    left: str
    right: str
    truth: str
    seen: str
    calibration: str
    matrices: tuple[str, str]
    # The benchmark of 2015 counts pixels over all images; that of 2012 averages the images' figures.
    averaging: Averaging


_OF_2015 = _Layout(
    "KITTI 2015",
    "image_2",
    "image_3",
    "disp_occ_0",
    "disp_noc_0",
    "calib_cam_to_cam",
    ("P_rect_02", "P_rect_03"),
    "pixels",
)
_COLOUR = _Layout(
    "KITTI 2012", "colored_0", "colored_1", "disp_occ", "disp_noc", "calib", ("P2", "P3"), "images"
)
_GREY = _COLOUR._replace(title="KITTI 2012 (grey)", left="image_0", right="image_1", matrices=("P0", "P1"))


def open_root(root: Path, options: DatasetOptions) -> StereoDataset:
    """Tell which of the two it is, and find the pairs.

    Raises:
        FileFormatError: it is neither.
    """
    top = root / "training" if (root / "training").is_dir() else root
    for layout in (_OF_2015, _COLOUR, _GREY):
        if (top / layout.left).is_dir() and (top / layout.truth).is_dir():
            break
    else:
        raise FileFormatError(
            f"{top} is neither KITTI 2015 nor 2012; expected image_2 and disp_occ_0, or colored_0 (image_0) "
            "and disp_occ"
        )

    def items() -> Iterator[StereoItem]:
        return at_least_one(_items(top, layout), root, f"{layout.truth}/000000_10.png")

    return StereoDataset(layout.title, items, layout.averaging)


def _items(top: Path, layout: _Layout) -> Iterator[StereoItem]:
    for truth in files_below(top / layout.truth, ("_10.png",)):
        seen = top / layout.seen / truth.name
        calibration = top / layout.calibration / f"{truth.stem.removesuffix('_10')}.txt"
        left, right = layout.matrices
        read_numbers = partial(read_kitti_calibration, left=left, right=right)
        numbers: Stored[StereoNumbers] = Stored(calibration, read_numbers)
        yield StereoItem(
            truth.stem,
            left=top / layout.left / truth.name,
            right=top / layout.right / truth.name,
            truth=Stored(truth, partial(read_png_disparity, scale=SCALE)),
            mask=Stored(seen, read_known) if seen.is_file() else None,
            calibration=numbers if calibration.is_file() else None,
        )
