# SPDX-License-Identifier: Apache-2.0
"""Middlebury: the benchmark of today (MiddEval3), the scenes of 2014 and 2021, and the older ones.

A scene is a folder, anywhere below the root:

    im0.png im1.png calib.txt disp0GT.pfm mask0nocc.png    MiddEval3: trainingF, trainingH or trainingQ
    im0.png im1.png calib.txt disp0.pfm                    2014, 2021
    im2.png im6.png disp2.png                              2003 (cones, teddy), 2001; also .ppm and .pgm
    view1.png view5.png disp1.png                          2005, 2006

The older PNG files hold disparity times a scale that follows from their size; for those of 2001 it has to be
told, and is 8. 0 is unknown.

https://vision.middlebury.edu/stereo
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from foundation_stereo_ros.datasets.calibration_files import read_calib_txt
from foundation_stereo_ros.datasets.dataset import DatasetOptions, StereoDataset, StereoItem, Stored
from foundation_stereo_ros.datasets.disparity_files import read_mask, read_pfm_disparity, read_png_disparity
from foundation_stereo_ros.datasets.tree import (
    IMAGES,
    at_least_one,
    folders_with,
    image_at,
    relative_name,
    with_ending,
)
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.shapes import ShiftMap

HALF_WEIGHT = ("PianoL", "Playroom", "Playtable", "Shelves", "Vintage")
"""Scenes of MiddEval3's training set that count half in its averages."""

_RESOLUTIONS = ("trainingF", "trainingH", "trainingQ")
_TRUTHS = ("disp0GT.pfm", "disp0.pfm")


class _Older(NamedTuple):
    left: str
    right: str
    truth: str
    # Height of the pictures -> what their disparities were multiplied with.
    scales: Mapping[int, float]


_OLDER = (
    _Older("im2", "im6", "disp2", {1500: 1.0, 750: 2.0, 375: 4.0}),
    _Older("view1", "view5", "disp1", {1110: 1.0, 555: 2.0, 370: 3.0}),
)


def open_root(root: Path, options: DatasetOptions) -> StereoDataset:
    """Find the scenes: ``root`` holds folders of them, or is one.

    Raises:
        FileFormatError: the scenes are there in several resolutions, which no average should mix.
    """
    scenes = list(folders_with(root, lambda folder: _truth(folder) is not None))
    sizes = sorted({part for scene in scenes for part in scene.parts if part in _RESOLUTIONS})
    if len(sizes) > 1:
        raise FileFormatError(f"{root} holds {', '.join(sizes)}; expected the folder of one of them")

    def items() -> Iterator[StereoItem]:
        found = (_item(scene, root, options) for scene in scenes)
        return at_least_one(found, root, "folders with im0.png, im1.png and disp0GT.pfm, or older ones")

    title = "Middlebury" + (f" {sizes[0]}" if sizes else "")
    return StereoDataset(title, items, averaging="weights" if sizes else "images")


def scene_item(folder: Path, truth: Path, name: str) -> StereoItem:
    """Return a scene in the layout of MiddEval3, 2014 or ETH3D; mask and calibration where they are there."""
    mask, calibration = truth.with_name("mask0nocc.png"), folder / "calib.txt"
    return StereoItem(
        name,
        left=folder / "im0.png",
        right=folder / "im1.png",
        truth=Stored(truth, read_pfm_disparity),
        mask=Stored(mask, read_mask) if mask.is_file() else None,
        calibration=Stored(calibration, read_calib_txt) if calibration.is_file() else None,
        weight=0.5 if folder.parent.name in _RESOLUTIONS and folder.name in HALF_WEIGHT else 1.0,
    )


def _truth(folder: Path) -> Path | None:
    for name in _TRUTHS:
        if (folder / "im0.png").is_file() and (folder / name).is_file():
            return folder / name
    for older in _OLDER:
        found = with_ending(folder / older.truth, (".png", ".pgm"))
        if found and with_ending(folder / older.left, IMAGES):
            return found
    return None


def _item(folder: Path, root: Path, options: DatasetOptions) -> StereoItem:
    truth, name = _truth(folder), relative_name(folder, root)
    if truth is None:
        raise FileFormatError(f"the ground truth of {folder} has gone since it was found")
    if truth.name in _TRUTHS:
        return scene_item(folder, truth, name)
    older = next(layout for layout in _OLDER if layout.truth == truth.stem)
    scales = {} if options.disparity_scale else older.scales
    return StereoItem(
        name,
        left=image_at(folder / older.left),
        right=image_at(folder / older.right),
        truth=Stored(truth, partial(_read_older, scale=options.disparity_scale, scales=scales)),
    )


def _read_older(path: Path, scale: float, scales: Mapping[int, float]) -> ShiftMap:
    stored = read_png_disparity(path, 1.0)
    scale = scale or scales.get(stored.shape[0], 0.0)
    if not scale:
        raise FileFormatError(
            f"{path} has {stored.shape[0]} rows; expected {', '.join(map(str, scales))}, "
            "or to be told the scale of its disparities"
        )
    return np.asarray(stored / scale, np.float32)
