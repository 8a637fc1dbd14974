# SPDX-License-Identifier: Apache-2.0
"""The FoundationStereo dataset (FSD), synthetic.

    SEQUENCE/dataset/data/left/rgb/0000.jpg  right/rgb/0000.jpg  left/disparity/0000.png

The root is any folder above ``left``. See `read_packed_disparity` for the disparities' format.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foundation_stereo_ros.datasets.dataset import DatasetOptions, StereoDataset, StereoItem, Stored
from foundation_stereo_ros.datasets.disparity_files import read_packed_disparity
from foundation_stereo_ros.datasets.tree import (
    at_least_one,
    files_below,
    folders_with,
    image_at,
    relative_name,
)


def open_root(root: Path, options: DatasetOptions) -> StereoDataset:
    """Find the pairs."""

    def items() -> Iterator[StereoItem]:
        return at_least_one(_items(root), root, "left/rgb, right/rgb and left/disparity, anywhere below")

    return StereoDataset("FSD", items)


def _items(root: Path) -> Iterator[StereoItem]:
    for top in folders_with(root, lambda folder: (folder / "left" / "disparity").is_dir()):
        for truth in files_below(top / "left" / "disparity", (".png",)):
            yield StereoItem(
                relative_name(top / truth.stem, root),
                left=image_at(top / "left" / "rgb" / truth.stem, ".jpg"),
                right=image_at(top / "right" / "rgb" / truth.stem, ".jpg"),
                truth=Stored(truth, read_packed_disparity),
            )
