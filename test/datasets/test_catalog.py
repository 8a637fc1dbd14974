# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foundation_stereo_ros.datasets.catalog import DATASETS, open_dataset
from foundation_stereo_ros.datasets.dataset import DatasetOptions
from foundation_stereo_ros.errors import ConfigError, FileFormatError


def test_the_names_come_without_numpy() -> None:
    code = "import foundation_stereo_ros.datasets.catalog, sys; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_folder_is_told_what_was_expected(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileFormatError, match=r"expected .*(im0|image_2|frames|left)"):
        next(open_dataset(name, tmp_path).items())


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown dataset 'kity'; expected one of middlebury, eth3d, kitti"):
        open_dataset("kity", tmp_path)
    with pytest.raises(FileFormatError, match="nowhere is not a folder; expected that of the dataset kitti"):
        open_dataset("kitti", tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="split is 'train'; dataset kitti has no such choice"):
        open_dataset("kitti", tmp_path, DatasetOptions(split="train"))
