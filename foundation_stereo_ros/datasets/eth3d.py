# SPDX-License-Identifier: Apache-2.0
"""ETH3D, low resolution two-view: the training pairs with ground truth.

    two_view_training/SCENE/     im0.png im1.png calib.txt
    two_view_training_gt/SCENE/  disp0GT.pfm mask0nocc.png

or both archives unpacked into the same folders. The root is the folder that holds all this, or the scenes.

https://www.eth3d.net/low_res_two_view
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foundation_stereo_ros.datasets.dataset import DatasetOptions, StereoDataset, StereoItem
from foundation_stereo_ros.datasets.middlebury import scene_item
from foundation_stereo_ros.datasets.tree import at_least_one, folders_with, relative_name

_IMAGES, _TRUTH = "two_view_training", "two_view_training_gt"


def open_root(root: Path, options: DatasetOptions) -> StereoDataset:
    """Find the scenes."""

    def items() -> Iterator[StereoItem]:
        return at_least_one(
            _items(root), root, f"SCENE/im0.png and disp0GT.pfm beside it or in {_TRUTH}/SCENE"
        )

    return StereoDataset("ETH3D two-view", items)


def _items(root: Path) -> Iterator[StereoItem]:
    top = root / _IMAGES if (root / _IMAGES).is_dir() else root
    for scene in folders_with(top, lambda folder: (folder / "im0.png").is_file()):
        other = top.parent / _TRUTH / scene.relative_to(top)
        for truth in (scene / "disp0GT.pfm", other / "disp0GT.pfm"):
            if truth.is_file():
                yield scene_item(scene, truth, relative_name(scene, top))
                break
