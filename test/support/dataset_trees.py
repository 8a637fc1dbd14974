# SPDX-License-Identifier: Apache-2.0
"""Small trees in the formats of the public datasets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 4, 6
TRUTH = np.array(
    [
        [np.nan, 0.5, 1.0, 1.5, 2.0, 2.5],
        [1.0, 1.0, 1.0, 1.0, 1.0, np.nan],
        [3.0, 3.0, 3.0, 3.0, 3.25, 3.5],
        [8.0, 9.0, 10.0, 11.0, 12.0, 13.0],
    ],
    np.float32,
)
"""Disparities that every format can hold, two of them unknown."""
SEEN = np.isfinite(TRUTH) & (np.arange(WIDTH) > 1)
"""What both cameras see of them."""


def pfm_bytes(values: np.ndarray, *, order: str = "<", end: str = "\n", kind: str = "Pf") -> bytes:
    height, width = values.shape[:2]
    header = end.join((kind, f"{width} {height}", "-1.0" if order == "<" else "1.0", "")).encode()
    return header + values[::-1].astype(f"{order}f4").tobytes()


def write_pfm(path: Path, truth: np.ndarray, unknown: float = np.inf) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pfm_bytes(np.where(np.isfinite(truth), truth, unknown)))


def write_scaled_png(path: Path, truth: np.ndarray, scale: float, dtype: type = np.uint16) -> None:
    write_image(path, np.rint(np.nan_to_num(truth) * scale).astype(dtype))


def write_packed_png(path: Path, truth: np.ndarray) -> None:
    """Thousandths of a pixel in base 255: red, green, blue."""
    value = np.rint(np.nan_to_num(truth) * 1000).astype(np.int64)
    digits = [value // 255**power % 255 for power in (0, 1, 2)]
    write_image(path, np.stack(digits, -1).astype(np.uint8))


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Write grey, or colours in OpenCV's order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def write_mask(path: Path, seen: np.ndarray, known: np.ndarray) -> None:
    """As Middlebury has it: 255 both cameras, 128 occluded, 0 unknown."""
    write_image(path, np.where(seen, 255, np.where(known, 128, 0)).astype(np.uint8))


def write_pair(left: Path, right: Path, size: tuple[int, int] = (HEIGHT, WIDTH), shift: int = 2) -> None:
    """Write a random pair whose right image is the left one, moved by ``shift`` pixels."""
    height, width = size
    wide = np.random.default_rng(7).integers(0, 256, (height, width + shift, 3), dtype=np.uint8)
    write_image(left, wide[:, :width])
    write_image(right, wide[:, shift:])


def scene(folder: Path, *, truth: str = "disp0GT.pfm", calib: str = "") -> None:
    """A scene of Middlebury or ETH3D."""
    write_pair(folder / "im0.png", folder / "im1.png")
    write_pfm(folder / truth, TRUTH)
    write_mask(folder / "mask0nocc.png", SEEN, np.isfinite(TRUTH))
    if calib:
        (folder / "calib.txt").write_text(calib)


def user_folder(root: Path, names: tuple[str, ...] = ("one", "two")) -> None:
    """Pairs in the layout of `datasets.folder`, with truth 2 but for an unknown corner, and a mask."""
    size = 48, 64
    truth = np.full(size, 2.0, np.float32)
    truth[:4, :4] = np.nan
    seen = np.ones(size, bool)
    seen[:, :2] = False
    for name in names:
        write_pair(root / "left" / f"{name}.png", root / "right" / f"{name}.png", size)
        write_pfm(root / "disparity" / f"{name}.pfm", truth)
        write_mask(root / "mask" / f"{name}.png", seen & np.isfinite(truth), np.isfinite(truth))
