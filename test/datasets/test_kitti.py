# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SEEN, TRUTH, write_pair, write_scaled_png

from foundation_stereo_ros.datasets.catalog import open_dataset
from foundation_stereo_ros.errors import FileFormatError

MATRICES = "P{}: 700 0 600 0 0 700 180 0 0 0 1 0\nP{}: 700 0 600 -350 0 700 180 0 0 0 1 0\n"


def tree(top: Path, left: str, right: str, occ: str, noc: str) -> None:
    for frame in ("000001_10", "000000_10"):
        write_pair(top / left / f"{frame}.png", top / right / f"{frame}.png")
        write_scaled_png(top / occ / f"{frame}.png", TRUTH, 256)
        write_scaled_png(top / noc / f"{frame}.png", np.where(SEEN, TRUTH, np.nan), 256)
    # The second frame of the sequence has no ground truth here.
    write_pair(top / left / "000000_11.png", top / right / "000000_11.png")


def test_2015_counts_pixels(tmp_path: Path) -> None:
    tree(tmp_path / "training", "image_2", "image_3", "disp_occ_0", "disp_noc_0")
    folder = tmp_path / "training" / "calib_cam_to_cam"
    folder.mkdir()
    (folder / "000000.txt").write_text(MATRICES.format("_rect_02", "_rect_03"))
    dataset = open_dataset("kitti", tmp_path)
    assert (dataset.title, dataset.averaging) == ("KITTI 2015", "pixels")
    first, second = dataset.items()
    assert (first.name, second.name) == ("000000_10", "000001_10")
    sample = first.load()
    np.testing.assert_array_equal(sample.disparity, TRUTH)
    np.testing.assert_array_equal(sample.nonoccluded, SEEN)
    assert sample.numbers.baseline == pytest.approx(0.5)
    assert second.load().numbers.baseline is None


@pytest.mark.parametrize(
    ("left", "right", "title", "matrices"),
    [("colored_0", "colored_1", "KITTI 2012", "23"), ("image_0", "image_1", "KITTI 2012 (grey)", "01")],
)
def test_2012_counts_images(tmp_path: Path, left: str, right: str, title: str, matrices: str) -> None:
    tree(tmp_path, left, right, "disp_occ", "disp_noc")
    (tmp_path / "calib").mkdir()
    (tmp_path / "calib" / "000000.txt").write_text(MATRICES.format(*matrices))
    dataset = open_dataset("kitti", tmp_path)
    assert (dataset.title, dataset.averaging) == (title, "images")
    sample = next(dataset.items()).load()
    np.testing.assert_array_equal(sample.nonoccluded, SEEN)
    assert sample.numbers.fx == 700


def test_without_the_second_truth_there_is_no_mask(tmp_path: Path) -> None:
    tree(tmp_path, "image_2", "image_3", "disp_occ_0", "elsewhere")
    assert next(open_dataset("kitti", tmp_path).items()).load().nonoccluded is None


def test_another_folder_is_told_both_layouts(tmp_path: Path) -> None:
    (tmp_path / "image_2").mkdir()
    with pytest.raises(FileFormatError, match="neither KITTI 2015 nor 2012; expected image_2 and disp_occ_0"):
        open_dataset("kitti", tmp_path)
