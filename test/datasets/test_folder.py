# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SEEN, TRUTH, write_mask, write_pair, write_pfm, write_scaled_png

from foundation_stereo_ros.datasets.catalog import open_dataset
from foundation_stereo_ros.datasets.dataset import DatasetOptions
from foundation_stereo_ros.errors import FileFormatError


def images(root: Path, name: str) -> None:
    write_pair(root / "left" / f"{name}.jpg", root / "right" / f"{name}.png")


def test_every_format_of_truth(tmp_path: Path) -> None:
    for name in ("a.pfm", "b.npy", "c.npz", "d.png", "street/e.v2.png"):
        images(tmp_path, name.rpartition(".")[0])
    write_pfm(tmp_path / "disparity" / "a.pfm", TRUTH)
    np.save(tmp_path / "disparity" / "b.npy", TRUTH)
    np.savez(tmp_path / "disparity" / "c.npz", disparity=TRUTH)
    write_scaled_png(tmp_path / "disparity" / "d.png", TRUTH, 256)
    write_scaled_png(tmp_path / "disparity" / "street" / "e.v2.png", TRUTH, 256)
    write_mask(tmp_path / "mask" / "a.png", SEEN, np.isfinite(TRUTH))
    (tmp_path / "disparity" / "notes.txt").write_text("of the laser")
    items = list(open_dataset("folder", tmp_path).items())
    assert [item.name for item in items] == ["a", "b", "c", "d", "street/e.v2"]
    for item in items:
        np.testing.assert_array_equal(item.load().disparity, TRUTH)
    np.testing.assert_array_equal(items[0].load().nonoccluded, SEEN)
    assert items[1].load().nonoccluded is None


def test_eight_bits_need_a_scale(tmp_path: Path) -> None:
    images(tmp_path, "a")
    write_scaled_png(tmp_path / "disparity" / "a.png", TRUTH, 16, np.uint8)
    (item,) = open_dataset("folder", tmp_path).items()
    with pytest.raises(FileFormatError, match=r"a\.png has 8 bits; expected 16, or to be told the scale"):
        item.load()
    (item,) = open_dataset("folder", tmp_path, DatasetOptions(disparity_scale=16)).items()
    np.testing.assert_array_equal(item.load().disparity, TRUTH)


def test_truth_without_an_image_is_an_error_of_that_pair(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", TRUTH)
    (tmp_path / "disparity").mkdir()
    (tmp_path / "a.npy").rename(tmp_path / "disparity" / "a.npy")
    (item,) = open_dataset("folder", tmp_path).items()
    with pytest.raises(FileFormatError, match=r"cannot read .*left/a\.png"):
        item.load()
