# SPDX-License-Identifier: Apache-2.0
"""Pairs of your own: files of the same name, without ending, in four folders.

    left/NAME.png  right/NAME.png  disparity/NAME.pfm  mask/NAME.png

Images may have any usual format, and the folders may have folders in them. Disparities, of the left image in
its pixels: ``.pfm``, ``.npy``, ``.npz`` (``disparity``, or the one array in it), or a grey ``.png`` of
disparity times a scale, by default 256 for 16 bits. Unknown is infinite or NaN, in a PNG 0. The masks are
optional: 255 where both cameras see the surface.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from foundation_stereo_ros.datasets.dataset import DatasetOptions, StereoDataset, StereoItem, Stored
from foundation_stereo_ros.datasets.disparity_files import (
    read_array_disparity,
    read_mask,
    read_pfm_disparity,
    read_png_disparity,
)
from foundation_stereo_ros.datasets.tree import IMAGES, at_least_one, files_below, image_at, with_ending
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.pictures import read_pixels
from foundation_stereo_ros.shapes import ShiftMap

SCALE = 256.0
"""Of 16-bit PNG files, as KITTI has it."""

_ENDINGS = (".pfm", ".npy", ".npz", ".png")


def open_root(root: Path, options: DatasetOptions) -> StereoDataset:
    """Find the pairs."""

    def items() -> Iterator[StereoItem]:
        expected = "left/NAME.png, right/NAME.png and disparity/NAME" + " or ".join(_ENDINGS)
        return at_least_one(_items(root, options.disparity_scale), root, expected)

    return StereoDataset(root.resolve().name, items)


def _items(root: Path, scale: float) -> Iterator[StereoItem]:
    top = root / "disparity"
    for truth in files_below(top, _ENDINGS):
        name = truth.relative_to(top).with_suffix("")
        mask = with_ending(root / "mask" / name, IMAGES)
        yield StereoItem(
            name.as_posix(),
            left=image_at(root / "left" / name),
            right=image_at(root / "right" / name),
            truth=Stored(truth, partial(_read, scale=scale)),
            mask=Stored(mask, read_mask) if mask else None,
        )


def _read(path: Path, scale: float) -> ShiftMap:
    ending = path.suffix.lower()
    if ending == ".pfm":
        return read_pfm_disparity(path)
    if ending in (".npy", ".npz"):
        return read_array_disparity(path)
    if not scale and read_pixels(path).dtype == np.uint8:
        raise FileFormatError(f"{path} has 8 bits; expected 16, or to be told the scale of its disparities")
    return read_png_disparity(path, scale or SCALE)
