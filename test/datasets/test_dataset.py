# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SEEN, TRUTH, scene, write_image, write_mask, write_pair, write_pfm

from foundation_stereo_ros.datasets.catalog import open_dataset
from foundation_stereo_ros.datasets.dataset import StereoItem, StereoNumbers
from foundation_stereo_ros.errors import FileFormatError


def item(folder: Path) -> StereoItem:
    scene(folder / "Scene", calib="ndisp=16\n")
    return next(open_dataset("eth3d", folder).items())


def test_a_sample_holds_everything(tmp_path: Path) -> None:
    sample = item(tmp_path).load()
    assert sample.left.shape == sample.right.shape == (4, 6, 3)
    assert sample.left.dtype == np.uint8
    np.testing.assert_array_equal(sample.left[:, 2:], sample.right[:, :-2])
    np.testing.assert_array_equal(sample.disparity, TRUTH)
    np.testing.assert_array_equal(sample.nonoccluded, SEEN)
    assert sample.numbers == StereoNumbers(disparities=16)


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    found = item(tmp_path)
    (tmp_path / "Scene" / "im0.png").write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"im0\.png is empty"):
        found.load()


@pytest.mark.parametrize("damaged", ["im1.png", "disp0GT.pfm", "mask0nocc.png"])
def test_files_of_another_size_are_named(tmp_path: Path, damaged: str) -> None:
    found = item(tmp_path)
    path = tmp_path / "Scene" / damaged
    if damaged == "im1.png":
        write_pair(tmp_path / "other.png", path, (5, 7))
    elif damaged == "disp0GT.pfm":
        write_pfm(path, np.ones((5, 7)))
    else:
        write_mask(path, np.ones((5, 7), bool), np.ones((5, 7), bool))
    with pytest.raises(FileFormatError, match=rf"{damaged} is 7 x 5 pixels; expected 6 x 4 as .*im0\.png"):
        found.load()


def test_a_missing_right_image_is_named(tmp_path: Path) -> None:
    found = item(tmp_path)
    (tmp_path / "Scene" / "im1.png").unlink()
    with pytest.raises(FileFormatError, match=r"cannot read .*im1\.png"):
        found.load()
    write_image(tmp_path / "Scene" / "im1.png", np.zeros((4, 6), np.uint8))
    assert found.load().right.shape == (4, 6, 3)
