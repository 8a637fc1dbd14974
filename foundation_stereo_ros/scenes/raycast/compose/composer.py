# SPDX-License-Identifier: Apache-2.0
"""Fills a world: places surfaces where the camera looks, in sizes told in pixels, with materials that fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F

from foundation_stereo_ros.scenes.raycast.compose.materials import Style, random_material
from foundation_stereo_ros.scenes.raycast.compose.world import (
    HEIGHT_GRID,
    Extra,
    Offset,
    Primitive,
    Shape,
    Vector,
    World,
    form,
    rotation,
)

SMOOTH, ROUGH = ("smooth", "ridges", "terraces"), ("shrubs", "grass", "smooth")
"""Kinds of height field."""

T = TypeVar("T")


@dataclass
class Composer:
    """A world in the making and the camera that will see it.

    Attributes:
        rng: where chance comes from.
        width, height: of the picture, pixels.
        focal, cx, cy: of the camera, pixels.
        style: what the materials have in common.
        world: what there is so far.
    """

    rng: np.random.Generator
    width: int
    height: int
    focal: float
    cx: float
    cy: float
    style: Style = field(default_factory=Style)
    world: World = field(default_factory=World)

    def log_uniform(self, low: float, high: float) -> float:
        """Return a number between low and high, evenly in the logarithm."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[int(self.rng.integers(len(options)))]

    def material(self, depth: float, plain: float | None = None) -> int:
        """Add a material for surfaces at some depth (metres); returns its index."""
        self.world.materials.append(random_material(self.rng, depth / self.focal, self.style, plain))
        return len(self.world.materials) - 1

    def size(self, depth: float, low: float, high: float) -> float:
        """Return metres that span between low and high shares of the picture's width at some depth."""
        return self.log_uniform(low, high) * self.width * depth / self.focal

    def in_view(self, depth: float, margin: float = 0.0) -> Vector:
        """Return a world point at some depth that projects into the picture (widened by a share)."""
        u = self.rng.uniform(-margin, 1.0 + margin) * self.width
        v = self.rng.uniform(-margin, 1.0 + margin) * self.height
        ray = np.array([(u - self.cx) / self.focal, (v - self.cy) / self.focal, 1.0])
        return np.asarray(self.world.view @ (ray * depth) + self.world.position)

    def add(
        self,
        shape: Shape,
        center: Offset,
        half: Offset,
        material: int,
        turn: Vector | None = None,
        extra: Extra = form(),  # noqa: B008 (a tuple)
    ) -> None:
        """Add a surface; center and half sizes in metres, turn 3 x 3 (none: along the world's axes)."""
        axes = np.eye(3) if turn is None else turn
        place, sizes = np.asarray(center, np.float64), np.asarray(half, np.float64)
        self.world.primitives.append(Primitive(shape, axes, place, sizes, material, extra))

    def add_field(
        self, center: Offset, half: Offset, turn: Vector, depth: float, kinds: Sequence[str] = SMOOTH
    ) -> None:
        """Add heights with a material for some depth; a scene's fields share one map of one kind."""
        if self.world.heights is None:
            self.world.heights = _heights(self.rng, self.pick(kinds))
        self.add(Shape.FIELD, center, half, self.material(depth, plain=0.02), turn)

    def room(self, low: tuple[float, float, float], high: tuple[float, float, float], depth: float) -> None:
        """Add the box around everything, from its low to its high corner, with six materials for that
        depth."""
        first, *_ = [self.material(depth) for _ in range(6)]
        corner, other = np.array(low), np.array(high)
        self.add(Shape.ROOM, 0.5 * (corner + other), 0.5 * (other - corner), first)

    def rod(self, start: Vector, end: Vector, radius: float, material: int) -> None:
        """Add a straight round rod between two points of the world, metres."""
        along = end - start
        length = float(np.linalg.norm(along))
        middle = along / max(length, 1e-9)
        side = np.cross(middle, [0.0, 0.0, 1.0] if abs(middle[2]) < 0.9 else [1.0, 0.0, 0.0])
        side /= np.linalg.norm(side)
        axes = np.stack([side, middle, np.cross(side, middle)], axis=1)
        half = (radius, 0.5 * length + 0.5 * radius, radius)
        self.add(Shape.CYLINDER, start + 0.5 * along, half, material, axes)

    def pixels(self, depth: float, low: float, high: float) -> float:
        """Return metres that span between low and high pixels at some depth."""
        return self.log_uniform(low, high) * depth / self.focal

    def any_turn(self) -> Vector:
        """Return a random turn."""
        return rotation(*self.rng.uniform(-np.pi, np.pi, 3))

    def nearest(self, primitive: Primitive) -> float:
        """Return the depth at which a surface begins for this camera; infinite if it is surely out of the
        picture."""
        axes = self.world.view.T @ primitive.rotation
        x, y, z = self.world.view.T @ (primitive.center - self.world.position)
        reach = np.linalg.norm(axes * primitive.half, axis=1)
        if primitive.shape in (Shape.BOX, Shape.FIELD, Shape.CYLINDER, Shape.FACETED):
            reach = np.abs(axes * primitive.half).sum(1)
        begin = float(z - reach[2])
        if z + reach[2] <= 0:
            return np.inf
        at = max(begin, 1e-3)
        left, right = -self.cx / self.focal, (self.width - self.cx) / self.focal
        top, bottom = -self.cy / self.focal, (self.height - self.cy) / self.focal
        spread = max(z, at)
        out = x + reach[0] < min(left * at, left * spread) or x - reach[0] > max(right * at, right * spread)
        out |= y + reach[1] < min(top * at, top * spread) or y - reach[1] > max(bottom * at, bottom * spread)
        return np.inf if out else begin

    def room_nearest(self) -> float:
        """Return the smallest depth of the room at the picture's corners, sides and middle."""
        room = self.world.primitives[0]
        u = (np.array([0.0, 0.5, 1.0]) * self.width - self.cx) / self.focal
        v = (np.array([0.0, 0.5, 1.0]) * self.height - self.cy) / self.focal
        rays = np.stack([*(grid.ravel() for grid in np.meshgrid(u, v)), np.ones(9)])
        rays = room.rotation.T @ self.world.view @ rays
        start = room.rotation.T @ (self.world.position - room.center)
        with np.errstate(divide="ignore"):
            exits = (np.sign(rays) * room.half[:, None] - start[:, None]) / rays
        return float(np.nanmin(np.where(np.isfinite(exits), exits, np.inf).min(0)))

    def drop_nearer_than(self, depth: float) -> None:
        """Remove surfaces, other than the room, that begin before some depth."""
        first, *rest = self.world.primitives
        self.world.primitives = [first, *(p for p in rest if self.nearest(p) >= depth)]

    def keep_beyond(self, depth: float, first: int) -> None:
        """Remove surfaces added from some number on, if any of them begins before a depth: a thing is whole
        or gone."""
        if any(self.nearest(p) < depth for p in self.world.primitives[first:]):
            del self.world.primitives[first:]

    def nearest_of_all(self) -> float:
        """Return the smallest depth of anything in the picture."""
        return min([self.room_nearest(), *(self.nearest(p) for p in self.world.primitives[1:])])


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
    grid = (HEIGHT_GRID, HEIGHT_GRID)
    total, weight = torch.zeros(1, 1, *grid), 1.0
    for octave in range(first, first + count):
        size = min(3 + int(3 * 2.0**octave), HEIGHT_GRID)
        coarse = torch.from_numpy(rng.uniform(0.0, 1.0, (1, 1, size, size)).astype(np.float32))
        total += weight * F.interpolate(coarse, grid, mode="bicubic", align_corners=True)
        weight *= 0.5
    return total[0, 0].double().numpy()


def _unit(values: np.ndarray) -> np.ndarray:
    span = max(float(values.max() - values.min()), 1e-6)
    return np.asarray((values - values.min()) / span)
