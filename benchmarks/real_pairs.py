# SPDX-License-Identifier: Apache-2.0
"""Error on real pairs with ground truth, beside OpenCV's StereoSGBM.

Middlebury's tsukuba and cones are read from a folder as ``NAME_left.png``, ``NAME_right.png`` and the truth;
they are not part of this repository. All figures are over every pixel with a known disparity (``all``) and
over those that both cameras see (``noc``), dense: no pixel is left out by either method.

    python benchmarks/real_pairs.py FOLDER [--checkpoint FILE] [--pictures DIR]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from foundation_stereo_ros.network import load_checkpoint, pad_to_multiple
from foundation_stereo_ros.pipeline.visualize import Range, colorize_disparity
from foundation_stereo_ros.pipeline.weights import shipped_checkpoint


class Pair(NamedTuple):
    """A pair with its disparity in pixels, where known, and which of those pixels both cameras see."""

    left: np.ndarray
    right: np.ndarray
    truth: np.ndarray
    known: np.ndarray
    seen: np.ndarray


def tsukuba(folder: Path) -> Pair:
    """Read a pair whose truth says nothing of occlusion."""
    truth = cv2.imread(str(folder / "tsukuba_groundtruth.png"), cv2.IMREAD_GRAYSCALE)
    return _pair(folder, "tsukuba", truth / 16, truth > 0, truth > 0)


def cones(folder: Path) -> Pair:
    """Read a pair with a mask of the pixels that both cameras see."""
    truth = cv2.imread(str(folder / "cones_gt.png"), cv2.IMREAD_GRAYSCALE)
    mask = cv2.imread(str(folder / "cones_mask.png"), cv2.IMREAD_GRAYSCALE)
    return _pair(folder, "cones", truth.astype(float), truth > 0, (truth > 0) & (mask == 255))


def _pair(folder: Path, name: str, truth: np.ndarray, known: np.ndarray, seen: np.ndarray) -> Pair:
    left, right = (cv2.imread(str(folder / f"{name}_{side}.png"))[..., ::-1] for side in ("left", "right"))
    return Pair(np.ascontiguousarray(left), np.ascontiguousarray(right), truth, known, seen)


def sgbm(left: np.ndarray, right: np.ndarray, disparities: int = 64) -> np.ndarray:
    """Match with OpenCV, then fill holes with the lower of the two values beside them in the row."""
    matcher = cv2.StereoSGBM_create(
        minDisparity=0,
        numDisparities=disparities,
        blockSize=5,
        P1=8 * 3 * 25,
        P2=32 * 3 * 25,
        disp12MaxDiff=1,
        uniquenessRatio=5,
        speckleWindowSize=100,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    # without the border, the left columns that could match beyond the right image's edge have no value at all
    left, right = (cv2.copyMakeBorder(x, 0, 0, disparities, 0, cv2.BORDER_REPLICATE) for x in (left, right))
    disparity = matcher.compute(left, right)[:, disparities:].astype(np.float32) / 16
    disparity[disparity < 0] = np.nan
    return np.stack([_fill(row) for row in disparity])


def _fill(row: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(row))
    if not known.size:
        return np.zeros_like(row)
    place = np.searchsorted(known, np.arange(row.size))
    before, after = known[np.maximum(place - 1, 0)], known[np.minimum(place, known.size - 1)]
    return np.where(np.isfinite(row), row, np.minimum(row[before], row[after]))


def network(model: torch.nn.Module, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Match with the network; every pixel gets a disparity."""
    left_in, right_in = (torch.from_numpy(x).permute(2, 0, 1)[None].float() for x in (left, right))
    padded, padding = pad_to_multiple(left_in)
    with torch.inference_mode():
        return padding.crop(model(padded, padding.apply(right_in), model.config.iterations))[0, 0].numpy()


def errors(estimate: np.ndarray, pair: Pair) -> str:
    """Return mean error, BP-1 and BP-2 over all known pixels and over those that both cameras see."""
    cells = []
    for mask in (pair.known, pair.seen):
        error = np.abs(estimate - pair.truth)[mask]
        cells.append(
            f"{error.mean():6.2f} px {100 * (error > 1).mean():6.1f} % {100 * (error > 2).mean():6.1f} %"
        )
    return " | ".join(cells)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="default: the shipped weights")
    parser.add_argument("--pictures", type=Path, help="folder for coloured disparities")
    args = parser.parse_args()
    model = load_checkpoint(args.checkpoint or shipped_checkpoint())
    print(f"{'':18}   all: EPE      BP-1     BP-2 | noc: EPE      BP-1     BP-2 |    time")
    for read in (tsukuba, cones):
        pair = read(args.folder)
        for name, match in (("sgbm", sgbm), ("network", lambda a, b: network(model, a, b))):
            match(pair.left, pair.right)  # warm
            begin = time.perf_counter()
            estimate = match(pair.left, pair.right)
            seconds = time.perf_counter() - begin
            print(f"{read.__name__:8} {name:9}  {errors(estimate, pair)} | {1e3 * seconds:5.0f} ms")
            if args.pictures:
                args.pictures.mkdir(parents=True, exist_ok=True)
                picture = colorize_disparity(
                    estimate.astype(np.float32), np.isfinite(estimate), Range(0.0, float(pair.truth.max()))
                )
                cv2.imwrite(str(args.pictures / f"{read.__name__}_{name}.png"), picture[..., ::-1])


if __name__ == "__main__":
    main()
