# SPDX-License-Identifier: Apache-2.0
"""Scenes of several views with the reference's predictions, where they are at hand, and pose errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from foundation_stereo_ros.estimate.views.alignment.canonical import canonical_view, focal_of
from foundation_stereo_ros.estimate.views.alignment.problem import (
    AlignedView,
    PointMap,
    Problem,
    condense,
)
from foundation_stereo_ros.estimate.views.alignment.tree import Tree, tree_of
from foundation_stereo_ros.estimate.views.matching import Decoding, Matches, match_views
from foundation_stereo_ros.estimate.views.pairs import Pair
from foundation_stereo_ros.estimate.views.scene import PairPoints, Scene, View

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "mast3r"


def reference(name: str) -> Any:
    """Open a file of the reference; skip the test where it is not at hand."""
    path = REFERENCE / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return np.load(path, allow_pickle=False)


class PoseErrors(NamedTuple):
    """Largest relative rotation in degrees, and largest error of a centre relative to the mean distance of
    two cameras, after the mean rotation and the best scale."""

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
    u, _, vt = np.linalg.svd(np.einsum("nij,nkj->ik", truth[:, :3, :3], poses[:, :3, :3]))
    a = a @ (u @ np.diag((1, 1, np.linalg.det(u @ vt))) @ vt).T
    left = np.linalg.norm((a * b).sum() / (a**2).sum() * a - b, axis=1)
    apart = [np.linalg.norm(theirs[i] - theirs[j]) for i in range(count) for j in range(i)]
    return PoseErrors(worst, float(left.max() / np.mean(apart)))


def own_maps(scene: Any, view: int) -> tuple[np.ndarray, np.ndarray]:
    """A view's own pointmaps and confidences, from all its pairs."""
    others = [other for other in range(len(scene["desc"])) if other != view]
    return scene["self_pts"][view, others], scene["self_conf"][view, others]


def cross(scene: Any, shown: int, camera: int) -> PointMap:
    return PointMap(scene["other_pts"][camera, shown], scene["other_conf"][camera, shown])


def trace_problem(weak: list[Pair]) -> tuple[Problem, Tree]:
    """Three views with the reference's matches."""
    scene, told = reference("trace_scene.npz"), reference("trace_inputs.npz")
    views = []
    for view in range(3):
        points, confidence = own_maps(scene, view)
        canonical = canonical_view(points, confidence, np.ones(points.shape[1:3], bool))
        focal = focal_of(canonical.points, canonical.mask)
        views.append(AlignedView(canonical, focal, (56.0, 40.0)))
    matches = {}
    for index in range(3):
        a, b = (int(view) for view in told[f"slice{index}_imgs"])
        first, last, start, end = told[f"slice{index}_ranges"]
        matches[a, b] = Matches(
            told[f"anchor{a}_uv1"][first:last, :2],
            told[f"anchor{b}_uv1"][start:end, :2],
            told[f"slice{index}_conf"],
        )
    counts = np.zeros((3, 3), int)
    for (a, b), pair in matches.items():
        counts[a, b] = counts[b, a] = len(pair.confidence)
    crossed = {(a, b): (cross(scene, a, b), cross(scene, b, a)) for a, b in weak}
    return condense(views, matches, crossed), tree_of(counts, np.full(3, 140))


def scene_inputs(name: str, matches: str = "") -> tuple[Any, list[View], dict, dict]:
    """A scene of the reference with its views (without masks), predictions and matches.

    Args:
        name: "wall" or "turntable".
        matches: "strict" or "full": the given ones; otherwise those of all descriptors.
    """
    scene = reference(f"scene_{name}.npz")
    data = {key: scene[key] for key in scene.files}
    given = reference(f"result_{name}.npz") if matches else None
    count = len(data["desc"])
    views = [View(f"{index}.png", data["color"][index]) for index in range(count)]
    predictions, found = {}, {}
    for i in range(count):
        for j in range(i):
            own = [PointMap(data["self_pts"][a, b], data["self_conf"][a, b]) for a, b in ((i, j), (j, i))]
            predictions[i, j] = PairPoints(own[0], own[1], cross(data, i, j), cross(data, j, i))
            if given is not None:
                ends = given[f"{matches}_corres_{i}_{j}"].astype(int)
                found[i, j] = Matches(ends[:, :2], ends[:, 2:], given[f"{matches}_corres_{i}_{j}_conf"])
                continue
            certain = [
                (data["self_qconf"][i, j], data["other_qconf"][i, j]),
                (data["other_qconf"][j, i], data["self_qconf"][j, i]),
            ]
            descriptors = [torch.from_numpy(data["desc"][view].astype(np.float32)) for view in (i, j)]
            found[i, j] = match_views(
                [Decoding(*descriptors, *map(torch.from_numpy, sure)) for sure in certain]
            )
    return data, views, predictions, found


def errors_of(scene: Scene, truth: np.ndarray) -> PoseErrors:
    """Of a scene whose views are called by their number."""
    chosen = [int(view.name.split(".")[0]) for view in scene.views]
    return pose_errors(np.stack([view.pose for view in scene.views]), truth[chosen])
