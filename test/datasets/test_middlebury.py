# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SEEN, TRUTH, scene, write_image, write_pair, write_scaled_png

from foundation_stereo_ros.datasets.catalog import open_dataset
from foundation_stereo_ros.datasets.dataset import DatasetOptions
from foundation_stereo_ros.errors import FileFormatError

CALIB = "cam0=[100 0 3; 0 100 2; 0 0 1]\ndoffs=1.5\nbaseline=50\nndisp=30\n"


def test_the_benchmark_with_its_weights(tmp_path: Path) -> None:
    for name in ("Vintage", "Adirondack"):
        scene(tmp_path / "MiddEval3" / "trainingQ" / name, calib=CALIB)
    dataset = open_dataset("middlebury", tmp_path / "MiddEval3")
    assert (dataset.title, dataset.averaging) == ("Middlebury trainingQ", "weights")
    items = list(dataset.items())
    assert [(item.name, item.weight) for item in items] == [
        ("trainingQ/Adirondack", 1.0),
        ("trainingQ/Vintage", 0.5),
    ]
    sample = items[0].load()
    np.testing.assert_array_equal(sample.disparity, TRUTH)
    np.testing.assert_array_equal(sample.nonoccluded, SEEN)
    assert sample.numbers == (100.0, 0.05, -1.5, 30)


def test_several_resolutions_are_not_mixed(tmp_path: Path) -> None:
    for size in "FHQ":
        scene(tmp_path / f"training{size}" / "Teddy")
    expected = "holds trainingF, trainingH, trainingQ; expected the folder of one"
    with pytest.raises(FileFormatError, match=expected):
        open_dataset("middlebury", tmp_path)
    assert [item.name for item in open_dataset("middlebury", tmp_path / "trainingH").items()] == ["Teddy"]


def test_scenes_of_2014_have_no_mask_and_count_alike(tmp_path: Path) -> None:
    scene(tmp_path / "Vintage-perfect", truth="disp0.pfm")
    (tmp_path / "Vintage-perfect" / "mask0nocc.png").unlink()
    dataset = open_dataset("middlebury", tmp_path)
    assert dataset.averaging == "images"
    (item,) = dataset.items()
    assert item.weight == 1.0
    assert item.load().nonoccluded is None
    assert [item.name for item in open_dataset("middlebury", tmp_path / "Vintage-perfect").items()] == [
        "Vintage-perfect"
    ]


@pytest.mark.parametrize(
    ("names", "rows", "scale", "ending"),
    [
        (("im2", "im6", "disp2"), 375, 4, "png"),
        (("im2", "im6", "disp2"), 750, 2, "pgm"),
        (("view1", "view5", "disp1"), 370, 3, "png"),
        (("view1", "view5", "disp1"), 1110, 1, "png"),
    ],
)
def test_older_scenes_have_a_scale_by_their_size(
    tmp_path: Path, names: tuple[str, str, str], rows: int, scale: int, ending: str
) -> None:
    left, right, truth = (tmp_path / "cones" / name for name in names)
    write_pair(left.with_suffix(".ppm"), right.with_suffix(".ppm"), (rows, 8))
    disparity = np.full((rows, 8), 20.0)
    disparity[0, 0] = np.nan
    write_scaled_png(truth.with_suffix(f".{ending}"), disparity, scale, np.uint8)
    (item,) = open_dataset("middlebury", tmp_path).items()
    assert item.name == "cones"
    np.testing.assert_array_equal(item.load().disparity, disparity.astype(np.float32))


def test_of_an_unknown_size_the_scale_has_to_be_told(tmp_path: Path) -> None:
    write_pair(tmp_path / "im2.png", tmp_path / "im6.png", (380, 8))
    write_image(tmp_path / "disp2.png", np.full((380, 8), 80, np.uint8))
    (item,) = open_dataset("middlebury", tmp_path).items()
    with pytest.raises(
        FileFormatError, match=r"disp2\.png has 380 rows; expected 1500, 750, 375, or to be told"
    ):
        item.load()
    (item,) = open_dataset("middlebury", tmp_path, DatasetOptions(disparity_scale=8)).items()
    assert np.all(item.load().disparity == 10.0)
