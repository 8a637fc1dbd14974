# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import TRUTH, write_pair, write_pfm

from foundation_stereo_ros.datasets.catalog import open_dataset
from foundation_stereo_ros.datasets.dataset import DatasetOptions
from foundation_stereo_ros.datasets.sceneflow import read_signed_disparity


def scene(top: Path, folder: str, disparity: str, frame: str, sign: int = 1, ending: str = "png") -> None:
    write_pair(*(top / folder / side / f"{frame}.{ending}" for side in ("left", "right")))
    write_pfm(top / disparity / "left" / f"{frame}.pfm", sign * TRUTH)
    write_pfm(top / disparity / "right" / f"{frame}.pfm", sign * TRUTH + 1)


def names(root: Path, **options: str) -> list[str]:
    return [item.name for item in open_dataset("sceneflow", root, DatasetOptions(**options)).items()]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    for part in ("TEST/A/0000", "TRAIN/B/0001"):
        for kind in ("final", "clean"):
            scene(tmp_path / "Flying", f"frames_{kind}pass/{part}", f"disparity/{part}", "0006")
    scene(tmp_path / "Monkaa", "frames_finalpass/funny", "disparity/funny", "0000", ending="webp")
    return tmp_path


def test_the_test_part_is_evaluated_where_there_is_one(whole: Path) -> None:
    assert names(whole) == ["Flying/TEST/A/0000/left/0006"]
    assert names(whole, split="train") == ["Flying/TRAIN/B/0001/left/0006"]
    assert names(whole, split="all") == [
        "Flying/TEST/A/0000/left/0006",
        "Flying/TRAIN/B/0001/left/0006",
        "Monkaa/funny/left/0000",
    ]
    assert names(whole / "Monkaa") == ["funny/left/0000"]


def test_left_truth_goes_with_the_left_image_of_the_chosen_pass(whole: Path) -> None:
    dataset = open_dataset("sceneflow", whole, DatasetOptions(render="clean"))
    assert dataset.max_disparity == 192
    (item,) = dataset.items()
    assert item.left.parts[-6:] == ("frames_cleanpass", "TEST", "A", "0000", "left", "0006.png")
    assert item.right.parts[-2:] == ("right", "0006.png")
    np.testing.assert_array_equal(item.load().disparity, TRUTH)


def test_the_subset_has_the_other_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("train", "val"):
        scene(tmp_path / part, "image_final", "disparity", "0000000", sign=-1)
    assert names(tmp_path) == ["val/left/0000000"]
    monkeypatch.chdir(tmp_path / "val")
    (item,) = open_dataset("sceneflow", Path()).items()
    np.testing.assert_array_equal(item.load().disparity, TRUTH)


@pytest.mark.parametrize("sign", [1, -1])
def test_pixels_of_the_other_sign_are_unknown(tmp_path: Path, sign: int) -> None:
    write_pfm(tmp_path / "d.pfm", sign * np.array([[3.0, 4.0, -2.0, 0.0]]))
    np.testing.assert_array_equal(read_signed_disparity(tmp_path / "d.pfm"), [[3.0, 4.0, np.nan, 0.0]])
