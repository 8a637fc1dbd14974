# SPDX-License-Identifier: Apache-2.0
"""A ball on a turntable before a still background, seen by a still camera: what a network would say about it.

Depths and matches are exact but for a little noise, so that the alignment is tested without any network.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foundation_stereo_ros.estimate.views.alignment.problem import PointMap
from foundation_stereo_ros.estimate.views.matching import Matches
from foundation_stereo_ros.estimate.views.scene import PairPoints, View

HEIGHT, WIDTH, FOCAL, DISTANCE = 72, 96, 110.0, 4.0
ANGLES = (-15.0, 0.0, 10.0, 25.0)
BACK = 1.35  # the background is predicted so much too deep: it stands for another focal length


class Turned(NamedTuple):
    """Inputs of `solve`, and the truth: poses around the ball, 4 x 4, and masks."""

    views: list[View]
    predictions: dict
    matches: dict
    poses: np.ndarray
    masks: np.ndarray

    def solved_with(self, masks: object = "truth", **changes: object) -> list[View]:
        """The views with these masks, None for none."""
        chosen = self.masks if isinstance(masks, str) else masks
        given = [None] * len(self.views) if chosen is None else chosen
        return [
            View(view.name, view.image, mask, **changes) for view, mask in zip(self.views, given, strict=True)
        ]


def turned_object(angles: tuple[float, ...] = ANGLES, radius: float = 1.0, seed: int = 0) -> Turned:
    rng = np.random.default_rng(seed)
    poses = np.stack([_pose(np.radians(angle)) for angle in angles])
    v, u = np.indices((HEIGHT, WIDTH))
    rays = np.stack(((u - WIDTH / 2) / FOCAL, (v - HEIGHT / 2) / FOCAL, np.ones((HEIGHT, WIDTH))), axis=-1)
    # The same in all views: the camera looks at the ball's middle.
    a, b = (rays**2).sum(axis=-1), DISTANCE * rays[..., 2]
    inner = b**2 - a * (DISTANCE**2 - radius**2)
    mask = inner > 0
    depth = np.where(mask, (b - np.sqrt(np.maximum(inner, 0))) / a, 0)
    wall = BACK * (6 + 0.5 * np.sin(u / 9) + 0.3 * np.cos(v / 7))
    bent = rays * np.array((1 / BACK, 1 / BACK, 1))
    points = np.where(mask[..., None], rays * depth[..., None], bent * wall[..., None])

    def map_of(own: np.ndarray) -> PointMap:
        scale = rng.uniform(0.98, 1.02)
        noisy = own * scale * (1 + 0.003 * rng.standard_normal((HEIGHT, WIDTH, 1)))
        return PointMap(noisy.astype(np.float32), rng.uniform(3, 6, (HEIGHT, WIDTH)).astype(np.float32))

    predictions, matches = {}, {}
    for i in range(len(angles)):
        for j in range(i):
            # Of the wall's points, the other camera says the same: it did not move.
            across = np.linalg.inv(poses[j]) @ poses[i]
            moved = np.where(mask[..., None], points @ across[:3, :3].T + across[:3, 3], points)
            back = np.linalg.inv(across)
            other = np.where(mask[..., None], points @ back[:3, :3].T + back[:3, 3], points)
            predictions[i, j] = PairPoints(map_of(points), map_of(points), map_of(moved), map_of(other))
            matches[i, j] = _matches(points, moved, mask, rng)
    image = np.where(mask[..., None], np.uint8(200), np.uint8(50)) + np.zeros((1, 1, 3), np.uint8)
    views = [View(f"{index}.png", image) for index in range(len(angles))]
    return Turned(views, predictions, matches, poses, np.stack([mask] * len(angles)))


def _pose(angle: float) -> np.ndarray:
    turn = np.array(((np.cos(angle), 0, np.sin(angle)), (0, 1, 0), (-np.sin(angle), 0, np.cos(angle))))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, turn @ (0, 0, -DISTANCE)
    return pose


def _matches(points: np.ndarray, moved: np.ndarray, mask: np.ndarray, rng: object) -> Matches:
    v, u = (grid.ravel() for grid in np.mgrid[3:HEIGHT:4, 3:WIDTH:4])
    seen = moved[v, u]
    ends = np.rint(seen[:, :2] / seen[:, 2:] * FOCAL + (WIDTH / 2, HEIGHT / 2)).astype(int)
    ends[~mask[v, u]] = np.stack((u, v), axis=1)[~mask[v, u]]
    inside = ((ends >= 0) & (ends < (WIDTH, HEIGHT))).all(axis=1)
    ends = np.where(inside[:, None], ends, 0)
    # Hidden by the ball itself, or by its edge.
    there = np.abs(points[ends[:, 1], ends[:, 0], 2] - seen[:, 2]) < 0.05
    good = inside & (there | ~mask[v, u]) & (mask[ends[:, 1], ends[:, 0]] == mask[v, u])
    confidence = np.linspace(1, 2, len(u)).astype(np.float32)
    return Matches(np.stack((u, v), axis=1)[good], ends[good], confidence[good])
