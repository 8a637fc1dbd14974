# SPDX-License-Identifier: Apache-2.0
"""How often the checks beside the network are right: range, rows that do not match, exchanged sides.

    python benchmarks/pair_checks.py make FOLDER
    python benchmarks/pair_checks.py alignment FOLDER
    python benchmarks/pair_checks.py reach FOLDER --checkpoint tiny --limit 20

``make`` generates 200 usual pairs and 52 with things at 140 to 280 pixels (half an hour on one core); .png
pairs as NAME_left.png and NAME_right.png may lie beside them and count as good ones. ``alignment`` measures
all pairs as they are, 4 rows off, and exchanged. ``reach`` runs a network on some of each kind.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from foundation_stereo_ros.estimate.remarks import RowsOff, SidesExchanged, TooNear
from foundation_stereo_ros.estimate.stereo.alignment import Alignment, measure_alignment
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.estimate.stereo.pair_checks import remarks_on
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.io.pictures import read_pair
from foundation_stereo_ros.scenes.layered.config import LayeredConfig
from foundation_stereo_ros.scenes.layered.painter import LayeredScenes
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator

NEAR = {"disparity_low": 140.0, "disparity_high": 280.0, "disparity_share": 0.5}
KINDS = ("real", "layered", "raycast", "layered_near", "raycast_near")

Pair = tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]
"""Left, right, disparity, occluded."""


def make(folder: Path) -> None:
    """Generate the pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, config, seeds in (
        ("layered", LayeredConfig(), range(100)),
        ("layered_near", LayeredConfig(**NEAR), range(1000, 1030)),
    ):
        scenes = LayeredScenes(config)
        for seed in seeds:
            pair = scenes.pair(seed, 480, 640)
            np.savez(folder / f"{kind}-{seed:04d}.npz", **vars(pair))
    for name, scene, seeds, size in (
        ("raycast", SceneConfig(), range(100), (320, 448)),
        ("raycast_near", SceneConfig(**NEAR), range(1000, 1022), (480, 640)),
    ):
        generator = SceneGenerator(scene)
        for seed in seeds:
            batch = generator.generate(seed, 1, *size)
            left, right = (x[0].permute(1, 2, 0).round().byte().numpy() for x in (batch.left, batch.right))
            truth = {"disparity": batch.disparity[0, 0].numpy(), "occluded": batch.occluded[0, 0].numpy()}
            np.savez(folder / f"{name}-{seed:04d}.npz", left=left, right=right, **truth)


def pairs(folder: Path, kind: str, limit: int) -> Iterator[Pair]:
    """Give the stored pairs of a kind."""
    if kind == "real":
        for path in sorted(folder.glob("*_left.png"))[:limit]:
            yield *read_pair(path, path.with_name(path.name.replace("_left", "_right"))), None, None
    for path in sorted(folder.glob(f"{kind}-*.npz"))[:limit]:
        with np.load(path) as file:
            yield file["left"], file["right"], file["disparity"], file["occluded"]


def alignment(folder: Path, limit: int) -> None:
    """Print what is measured of all pairs."""
    for kind in KINDS:
        plain: list[Alignment | None] = []
        lower: list[Alignment | None] = []
        exchanged: list[Alignment | None] = []
        milliseconds = []
        for left, right, *_ in pairs(folder, kind, limit):
            begin = time.process_time()
            plain.append(measure_alignment(left, right))
            milliseconds.append(1000 * (time.process_time() - begin))
            lower.append(measure_alignment(left, np.roll(right, 4, axis=0)))
            exchanged.append(measure_alignment(right, left))
        known = [found for found in plain if found]
        if not known:
            continue
        print(
            f"{kind:>13}: {len(known)} of {len(plain)} judged, "
            f"{sum(bool(remarks_on(k)) for k in known)} false warnings; largest offset "
            f"{max(abs(k.rows) / k.pixel for k in known):.2f}, anywhere "
            f"{max(max(-k.low, k.high) / k.pixel for k in known):.2f}, behind infinity "
            f"{max(k.behind for k in known):.2f}; {np.median(milliseconds):.0f} ms"
        )
        for name, found, remark in (("4 rows", lower, RowsOff), ("exchanged", exchanged, SidesExchanged)):
            judged = [remarks_on(each) for each in found if each]
            told = sum(any(isinstance(r, remark) for r in remarks) for remarks in judged)
            print(f"{name:>13}: {told} told of {len(judged)} judged of {len(found)}")


def reach(folder: Path, limit: int, checkpoint: str) -> None:
    """Print what a network's pixels beyond its range come to, and what good pixels are lost."""
    estimator = StereoEstimator.load(checkpoint, z_near=0.001, z_far=1e5, check_alignment=False)
    network = estimator.config.replace(remove_too_near=False)
    watched = estimator.config
    limit_px = estimator.model.config.max_disp
    for kind in KINDS:
        beyond, caught, seen, seen_caught, good, lost, warned, count = (0,) * 8
        milliseconds = []
        for left, right, truth, occluded in pairs(folder, kind, limit):
            rig = StereoRig.from_focal_length(700.0, 0.1, (left.shape[1], left.shape[0]))
            estimator.reconfigure(network)
            plain = estimator(left, right, rig)
            estimator.reconfigure(watched)
            found = estimator(left, right, rig)
            removed = plain.valid & ~found.valid
            milliseconds.append(1000 * found.seconds["checks"])
            if truth is None or occluded is None:
                truth, occluded = np.zeros(left.shape[:2]), np.zeros(left.shape[:2], bool)
            far = plain.valid & (truth > 1.03 * limit_px)
            near_by = plain.valid & (truth < 0.97 * limit_px)
            beyond, caught = beyond + far.sum(), caught + (far & removed).sum()
            seen, seen_caught = (
                seen + (far & ~occluded).sum(),
                seen_caught + (far & ~occluded & removed).sum(),
            )
            good, lost = good + near_by.sum(), lost + (near_by & removed).sum()
            warned += any(isinstance(remark, TooNear) for remark in found.remarks)
            count += 1
        if count:
            print(
                f"{kind:>13}: {count} pairs, {warned} warnings; of {beyond} pixels beyond the range "
                f"{caught / max(beyond, 1):.1%} caught, of those that both cameras see "
                f"{seen_caught / max(seen, 1):.1%}; of {good} others {lost / max(good, 1):.3%} lost; "
                f"waited {np.median(milliseconds):.1f} ms",
                flush=True,
            )


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("make", "alignment", "reach"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=1000, help="pairs of each kind")
    parser.add_argument("--checkpoint", default="lean")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if args.what == "make":
        make(args.folder)
    elif args.what == "alignment":
        alignment(args.folder, args.limit)
    else:
        reach(args.folder, args.limit, args.checkpoint)


if __name__ == "__main__":
    main()
