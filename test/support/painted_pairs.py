# SPDX-License-Identifier: Apache-2.0
"""Pairs with a known disparity: a textured background, and a block before it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.io.pictures import read_pair
from foundation_stereo_ros.shapes import RgbImage

HEIGHT, WIDTH = 240, 400
BLOCK = np.s_[60:180, 220:340]
"""Where the left image shows the block."""

FIELD = Path(__file__).parents[3] / "shared" / "cases" / "field"


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> RgbImage:
    """Return smooth random colours over fine ones, as most surfaces have."""
    random = np.random.default_rng(seed)
    grown = [
        cv2.resize(random.integers(0, 256, (height // s, width // s, 3)).astype(np.uint8), (width, height))
        for s in (2, 5, 16)
    ]
    return np.asarray(np.mean(grown, axis=0), np.uint8)


def block_pair(disparity: int, background: int = 12, seed: int = 0) -> tuple[RgbImage, RgbImage]:
    """Return left and right image."""
    wide = texture(seed, width=WIDTH + background)
    left, right = wide[:, :WIDTH].copy(), wide[:, background:].copy()
    block = texture(seed + 1)[BLOCK]
    left[BLOCK] = block
    right[BLOCK[0], BLOCK[1].start - disparity : BLOCK[1].stop - disparity] = block
    return left, right


def rig(doffs: float = 0.0) -> StereoRig:
    """Return cameras of such a pair."""
    return StereoRig.from_focal_length(300.0, 0.1, (WIDTH, HEIGHT), cx=200.0, cx_right=200.0 - doffs)


def field_pair(name: str) -> tuple[RgbImage, RgbImage]:
    """Return a pair of the collected cases; skips the test where they are not."""
    if not (FIELD / name).is_dir():
        pytest.skip(f"no {FIELD / name}")
    return read_pair(FIELD / name / "left.png", FIELD / name / "right.png")
