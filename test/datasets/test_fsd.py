# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
from dataset_trees import TRUTH, write_packed_png, write_pair

from foundation_stereo_ros.datasets.catalog import open_dataset


def test_packed_disparities_beside_jpeg_images(tmp_path: Path) -> None:
    for sequence in ("room_2", "room_1"):
        top = tmp_path / sequence / "dataset" / "data"
        write_pair(top / "left" / "rgb" / "0000.jpg", top / "right" / "rgb" / "0000.jpg")
        write_packed_png(top / "left" / "disparity" / "0000.png", TRUTH)
    items = list(open_dataset("fsd", tmp_path).items())
    assert [item.name for item in items] == ["room_1/dataset/data/0000", "room_2/dataset/data/0000"]
    sample = items[0].load()
    np.testing.assert_allclose(sample.disparity, np.nan_to_num(TRUTH), atol=1e-6)
    assert sample.nonoccluded is None
    assert [item.name for item in open_dataset("fsd", tmp_path / "room_1/dataset/data").items()] == ["0000"]
