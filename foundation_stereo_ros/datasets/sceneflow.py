# SPDX-License-Identifier: Apache-2.0
"""Scene Flow: FlyingThings3D, Monkaa and Driving, and the subset of FlyingThings3D.

    frames_finalpass/TEST/A/0000/left/0006.png  .../right/0006.png  disparity/TEST/A/0000/left/0006.pfm
    val/image_final/left/0000000.png            .../right/...       val/disparity/left/0000000.pfm

The first is that of the whole dataset (Monkaa and Driving without TEST and TRAIN), the second of the subset.
The root is the folder that holds these, or several such folders.

https://lmb.informatik.uni-freiburg.de/resources/datasets/SceneFlowDatasets.en.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foundation_stereo_ros.datasets.dataset import DatasetOptions, StereoDataset, StereoItem, Stored
from foundation_stereo_ros.datasets.disparity_files import known_or_nan
from foundation_stereo_ros.datasets.pfm import read_pfm
from foundation_stereo_ros.datasets.tree import (
    at_least_one,
    files_below,
    folders_with,
    relative_name,
    with_ending,
)
from foundation_stereo_ros.shapes import ShiftMap

MAX_DISPARITY = 192.0
"""Pixels; all papers leave out what is nearer."""

_TEST, _TRAIN = ("test", "val"), ("train",)


def open_root(root: Path, options: DatasetOptions) -> StereoDataset:
    """Find the pairs."""

    def items() -> Iterator[StereoItem]:
        expected = f"frames_{options.render}pass and disparity, or image_{options.render} and disparity"
        part = ", with a TRAIN part" if options.split == "train" else ""
        return at_least_one(_items(root, options), root, expected + part)

    return StereoDataset(f"Scene Flow, {options.render} pass", items, max_disparity=MAX_DISPARITY)


def read_signed_disparity(path: Path) -> ShiftMap:
    """Read a PFM file whose sign depends on the edition: plus in the whole dataset, minus in the subset.

    Few pixels of the other sign are artefacts, and unknown.

    Raises:
        FileFormatError: see `read_pfm`.
    """
    values = read_pfm(path)
    sign = -1 if np.count_nonzero(values < 0) > np.count_nonzero(values > 0) else 1
    return known_or_nan(sign * values)


def _items(root: Path, options: DatasetOptions) -> Iterator[StereoItem]:
    # Resolved, so that the names of all folders above are known: the root may be the subset's "val" itself.
    tops = list(folders_with(root.resolve(), lambda folder: (folder / "disparity").is_dir()))
    wanted = _wanted(tops, options.split)
    for top in tops:
        for truth in files_below(top / "disparity", (".pfm",)):
            place = truth.relative_to(top / "disparity").with_suffix("")
            # The right image has a ground truth of its own in ".../right".
            if place.parent.name == "left" and _is_of((top.name, *place.parts), wanted):
                left = _image(top, place, options.render)
                if left:
                    right = left.parent.with_name("right") / left.name
                    name = relative_name(top / place, root.resolve())
                    yield StereoItem(name, left, right, Stored(truth, read_signed_disparity))


def _image(top: Path, place: Path, render: str) -> Path | None:
    for folder in (f"frames_{render}pass", f"image_{render}"):
        found = with_ending(top / folder / place, (".png", ".webp"))
        if found:
            return found
    return None


def _wanted(tops: list[Path], split: str) -> tuple[str, ...]:
    """Return the folders' names of a part; none means all."""
    parts = [top.name for top in tops]
    parts += [folder.name for top in tops for folder in (top / "disparity").iterdir()]
    has_test = any(_is_of((part,), _TEST) for part in parts)
    if split == "all" or (split == "test" and not has_test):
        return ()
    return _TEST if split == "test" else _TRAIN


def _is_of(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return not wanted or any(part.lower() in wanted for part in parts)
