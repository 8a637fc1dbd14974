# SPDX-License-Identifier: Apache-2.0
"""Lay the Middlebury pairs tsukuba and cones out as a folder dataset, to validate and evaluate on.

    python benchmarks/real_pairs.py SOURCE TARGET

SOURCE holds tsukuba_left.png, tsukuba_right.png, tsukuba_groundtruth.png (disparity times 16, 0 unknown),
cones_left.png, cones_right.png, cones_gt.png (whole pixels, 0 unknown) and cones_mask.png (255 where both
cameras see the surface). TARGET becomes left/, right/, disparity/ and mask/. For measuring alone: these
pictures are not this package's, and nothing is trained on them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np

TRUTH = {"tsukuba": ("tsukuba_groundtruth.png", 16.0), "cones": ("cones_gt.png", 1.0)}


def lay_out(source: Path, target: Path) -> None:
    """Copy the views, and store the truth in pixels, NaN where unknown."""
    for folder in ("left", "right", "disparity", "mask"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for name, (file, scale) in TRUTH.items():
        for side in ("left", "right"):
            shutil.copyfile(source / f"{name}_{side}.png", target / side / f"{name}.png")
        stored = cv2.imread(str(source / file), cv2.IMREAD_UNCHANGED)
        values = (stored if stored.ndim == 2 else stored[..., 0]).astype(np.float32)
        np.save(target / "disparity" / f"{name}.npy", np.where(values > 0, values / scale, np.nan))
    shutil.copyfile(source / "cones_mask.png", target / "mask" / "cones.png")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} SOURCE TARGET")
    lay_out(Path(sys.argv[1]), Path(sys.argv[2]))
