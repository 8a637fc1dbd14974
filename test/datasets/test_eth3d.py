# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
from dataset_trees import SEEN, TRUTH, scene

from foundation_stereo_ros.datasets.catalog import open_dataset


def test_images_and_truth_in_two_trees(tmp_path: Path) -> None:
    images, truths = tmp_path / "two_view_training", tmp_path / "two_view_training_gt"
    for name in ("delivery_area_1l", "terrains_2s"):
        scene(images / name, calib="ndisp=20\nbaseline=60\n")
        (truths / name).mkdir(parents=True)
        for file in ("disp0GT.pfm", "mask0nocc.png"):
            (images / name / file).rename(truths / name / file)
    (truths / "terrains_2s" / "disp0GT.pfm").unlink()
    for root in (tmp_path, images):
        (item,) = open_dataset("eth3d", root).items()
        assert item.name == "delivery_area_1l"
        sample = item.load()
        np.testing.assert_array_equal(sample.disparity, TRUTH)
        np.testing.assert_array_equal(sample.nonoccluded, SEEN)
        assert sample.numbers.disparities == 20


def test_both_unpacked_into_one_tree(tmp_path: Path) -> None:
    scene(tmp_path / "b")
    scene(tmp_path / "a")
    dataset = open_dataset("eth3d", tmp_path)
    assert [item.name for item in dataset.items()] == ["a", "b"]
    assert dataset.averaging == "images"
