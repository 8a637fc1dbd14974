# SPDX-License-Identifier: Apache-2.0
"""Scenes of several views with the reference's predictions, where they are at hand, and pose errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "mast3r"


def reference(name: str) -> Any:
    """Open a file of the reference; skip the test where it is not at hand."""
    path = REFERENCE / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return np.load(path, allow_pickle=False)


class PoseErrors(NamedTuple):
    """Largest relative rotation in degrees, and largest error of a centre after the best similarity, relative
    to the mean distance of two cameras."""

    rotation: float
    centre: float


def pose_errors(poses: np.ndarray, truth: np.ndarray) -> PoseErrors:
    count = len(poses)
    worst = 0.0
    for i in range(count):
        for j in range(i):
            found = poses[i, :3, :3].T @ poses[j, :3, :3]
            true = truth[i, :3, :3].T @ truth[j, :3, :3]
            cosine = np.clip((np.trace(found.T @ true) - 1) / 2, -1, 1)
            worst = max(worst, float(np.degrees(np.arccos(cosine))))
    ours, theirs = poses[:, :3, 3].astype(float), truth[:, :3, 3].astype(float)
    a, b = ours - ours.mean(0), theirs - theirs.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    flip = np.diag((1, 1, np.sign(np.linalg.det(u @ vt))))
    scale = float((s * np.diag(flip)).sum() / (a**2).sum())
    left = np.linalg.norm(scale * a @ (u @ flip @ vt).T - b, axis=1)
    apart = [np.linalg.norm(theirs[i] - theirs[j]) for i in range(count) for j in range(i)]
    return PoseErrors(worst, float(left.max() / np.mean(apart)))
