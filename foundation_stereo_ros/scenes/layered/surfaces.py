# SPDX-License-Identifier: Apache-2.0
"""Disparity as a function of the left view's pixels: planes, and shapes that rise from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Grid = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Plane:
    """Disparity ``at`` in pixel (x, y) = (0, 0), changing by ``along_x`` and ``along_y`` a pixel."""

    at: float
    along_x: float = 0.0
    along_y: float = 0.0

    def over(self, box: tuple[int, int, int, int]) -> Grid:
        """Return its disparities in a box of left pixels (x0, y0, x1, y1), the ends excluded."""
        x0, y0, x1, y1 = box
        x = np.arange(x0, x1, dtype=np.float32) * np.float32(self.along_x)
        y = np.arange(y0, y1, dtype=np.float32)[:, None] * np.float32(self.along_y)
        return np.asarray(x + y + np.float32(self.at), np.float32)

    @classmethod
    def through(cls, x: float, y: float, disparity: float, along_x: float, along_y: float) -> Plane:
        """Return the plane with a disparity at a pixel."""
        return cls(disparity - along_x * x - along_y * y, along_x, along_y)


def bulge(rng: np.random.Generator, shape: tuple[int, int], height: float) -> Grid:
    """Return a shape of H x W pixels that rises by up to ``height`` pixels of disparity.

    A cylinder, a ball, a crease, waves, or a smooth random relief.
    """
    v, u = (np.linspace(-1, 1, max(2, n), dtype=np.float32)[:n] for n in shape)
    make = _SHAPES[int(rng.integers(len(_SHAPES)))]
    return np.asarray(make(rng, u[None, :], v[:, None]) * height, np.float32)


def _cylinder(rng: np.random.Generator, u: Grid, v: Grid) -> Grid:
    across, along = (u, v) if rng.random() < 0.6 else (v, u)
    turned = across + np.float32(rng.uniform(-0.4, 0.4)) * along
    return np.asarray(np.sqrt(np.clip(1 - 0.8 * turned**2, 0, None)))


def _ball(rng: np.random.Generator, u: Grid, v: Grid) -> Grid:
    return np.asarray(np.sqrt(np.clip(1 - 0.8 * (u**2 + v**2), 0, None)))


def _crease(rng: np.random.Generator, u: Grid, v: Grid) -> Grid:
    turn = np.float32(rng.uniform(-0.7, 0.7))
    rise = 1 - np.abs(u + turn * v - np.float32(rng.uniform(-0.5, 0.5)))
    return np.asarray(rise if rng.random() < 0.6 else 1 - rise)


def _waves(rng: np.random.Generator, u: Grid, v: Grid) -> Grid:
    angle, turns = rng.uniform(0, np.pi), rng.uniform(1.0, 5.0)
    phase = np.pi * turns * (np.cos(angle) * u + np.sin(angle) * v) + rng.uniform(0, 2 * np.pi)
    return np.asarray(0.5 + 0.5 * np.sin(phase), np.float32)


def _relief(rng: np.random.Generator, u: Grid, v: Grid) -> Grid:
    coarse = rng.random((rng.integers(3, 7), rng.integers(3, 9)), dtype=np.float32)
    smooth = cv2.resize(coarse, (u.size, v.size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32)


_Shape = Callable[[np.random.Generator, Grid, Grid], Grid]
_SHAPES: tuple[_Shape, ...] = (_cylinder, _ball, _ball, _crease, _waves, _relief)


def bounded(disparity: Grid, base: Grid, slope: float) -> Grid:
    """Flatten what rises from a base until no row's disparity changes by more than ``slope`` a pixel.

    So no point of a surface overtakes another on the way from the left view to the right one.
    """
    if disparity.shape[1] < 2:
        return disparity
    steepest = float(np.abs(np.diff(disparity, axis=1)).max())
    base_slope = float(np.abs(np.diff(base, axis=1)).max())
    if steepest <= slope:
        return disparity
    share = max(0.0, slope - base_slope) / (steepest + base_slope)
    return np.asarray(base + share * (disparity - base), np.float32)
