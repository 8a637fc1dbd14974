# SPDX-License-Identifier: Apache-2.0
"""Heights for fields: hills, cloth, ridges, shrubs, terraces, grass. A scene has one map; its fields share
it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.world import Shape, Vector
from foundation_stereo_ros.scenes.raycast.render.tensors import HEIGHT_GRID

SMOOTH, ROUGH = ("smooth", "ridges", "terraces"), ("shrubs", "grass", "smooth")


def add_field(
    c: Composer,
    center: Vector | tuple[float, float, float],
    half: tuple[float, float, float],
    turn: Vector,
    depth: float,
    kinds: Sequence[str] = SMOOTH,
) -> None:
    """Add a field of heights, with materials for surfaces at some depth; its kind is one of those given."""
    if c.world.heights is None:
        c.world.heights = _heights(c.rng, kinds[int(c.rng.integers(len(kinds)))])
    c.add(Shape.FIELD, center, half, c.material(depth, plain=0.02), turn)


def _heights(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Return G x G heights from 0 to 1."""
    first = {"smooth": 0, "ridges": 0, "terraces": 0, "shrubs": 2, "grass": 3}[kind]
    heights = _octaves(rng, first, int(rng.integers(2, 5)))
    if kind == "ridges":
        heights = np.abs(heights - heights.mean())
    elif kind == "shrubs":  # round heads, deep gaps
        heights = np.sqrt(np.abs(heights - np.quantile(heights, 0.3)))
    elif kind == "grass":
        heights = _unit(heights) ** 2 + 0.3 * rng.random(heights.shape)
    elif kind == "terraces":
        steps = rng.integers(3, 8)
        level = _unit(heights) * steps
        part = level - np.floor(level)
        heights = np.floor(level) + np.clip(5.0 * part, 0.0, 1.0)
    return _unit(heights).astype(np.float32)


def _octaves(rng: np.random.Generator, first: int, count: int) -> np.ndarray:
    total, weight = torch.zeros(1, 1, HEIGHT_GRID, HEIGHT_GRID), 1.0
    for octave in range(first, first + count):
        size = min(3 + int(3 * 2.0**octave), HEIGHT_GRID)
        coarse = torch.from_numpy(rng.uniform(0.0, 1.0, (1, 1, size, size)).astype(np.float32))
        grid = (HEIGHT_GRID, HEIGHT_GRID)
        total += weight * F.interpolate(coarse, grid, mode="bicubic", align_corners=True)
        weight *= 0.5
    return total[0, 0].double().numpy()


def _unit(values: np.ndarray) -> np.ndarray:
    span = max(float(values.max() - values.min()), 1e-6)
    return np.asarray((values - values.min()) / span)
