# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from foundation_stereo_ros.demo.walk import walk


def test_twelve_real_images_become_one_cloud(tmp_path: Path) -> None:
    found = walk(tmp_path, torch.device("cpu"))
    assert list(found.pictures) == ["walk", "walk_depth", "walk_confidence", "walk_cloud"]
    assert found.figures[0].note.startswith("11 real images of 540 x 360")
    header = found.cloud.read_bytes()[:400].decode("ascii", "replace")
    points = int(header.partition("element vertex ")[2].split()[0])
    assert 20_000 < points < 600_000
    # the table is nearer than the floor beyond it, which is nearer than the window: red, yellow, green
    depth = found.pictures["walk_depth"].image.astype(np.int64)
    assert depth[250, 480, 0] - depth[250, 480, 1] > depth[250, 200, 0] - depth[250, 200, 1]
