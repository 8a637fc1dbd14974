# SPDX-License-Identifier: Apache-2.0
"""Things put together from several surfaces, on the floor or in the air."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.world import Shape, Vector, rotation

Thing = Callable[[Composer, Vector, float, float], None]
"""(composer, foot: 3 in the world, size: rough height in metres, depth for the materials)."""


def _turned(foot: Vector, yaw: Vector, offset: tuple[float, float, float]) -> Vector:
    return np.asarray(foot + yaw @ np.array(offset))


def box(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A carton, maybe others on top of it."""
    material = c.material(depth)
    for level in range(int(c.rng.integers(1, 4))):
        half = 0.5 * size * c.rng.uniform(0.3, 1.0, 3) / (1 + level)
        center = foot - np.array([0.0, half[1], 0.0])
        c.add(Shape.BOX, center, half, material, rotation(c.rng.uniform(-np.pi, np.pi)))
        foot = foot - np.array([0.0, 2 * half[1], 0.0])
        material = c.material(depth) if c.rng.random() < 0.7 else material


def ball(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A ball or an egg."""
    half = 0.5 * size * (np.ones(3) if c.rng.random() < 0.5 else c.rng.uniform(0.4, 1.0, 3))
    c.add(
        Shape.ELLIPSOID,
        foot - np.array([0.0, half[1], 0.0]),
        half,
        c.material(depth),
        rotation(c.rng.uniform(0, 3)),
    )


def can(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A can, a bottle's body or a cone."""
    radius = size * c.rng.uniform(0.1, 0.45)
    taper = 0.0 if c.rng.random() < 0.6 else c.rng.uniform(-0.9, 0.4)
    half = (radius, 0.5 * size, radius * c.rng.uniform(0.8, 1.0))
    c.add(
        Shape.CYLINDER,
        foot - np.array([0.0, 0.5 * size, 0.0]),
        half,
        c.material(depth),
        extra=(taper, 2, 0, 2, 0),
    )


def table(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A table or a stool: a top, four legs, something on it."""
    yaw = rotation(c.rng.uniform(-np.pi, np.pi))
    wood = c.material(depth)
    half_x, half_z = size * c.rng.uniform(0.4, 1.1, 2)
    top, leg = 0.03 * size, size * c.rng.uniform(0.015, 0.05)
    c.add(Shape.BOX, _turned(foot, yaw, (0, -size, 0)), (half_x, top, half_z), wood, yaw)
    shape = Shape.BOX if c.rng.random() < 0.6 else Shape.CYLINDER
    for x in (-1, 1):
        for z in (-1, 1):
            place = _turned(foot, yaw, (x * (half_x - leg), -0.5 * size, z * (half_z - leg)))
            c.add(shape, place, (leg, 0.5 * size, leg), wood, yaw)
    for _ in range(int(c.rng.integers(0, 4))):
        spot = _turned(
            foot, yaw, (c.rng.uniform(-0.7, 0.7) * half_x, -size - top, c.rng.uniform(-0.7, 0.7) * half_z)
        )
        SMALL[int(c.rng.integers(len(SMALL)))](c, spot, size * c.rng.uniform(0.15, 0.5), depth)


def shelf(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Boards between two sides, boxes like books on them."""
    yaw = rotation(c.rng.uniform(-0.6, 0.6))
    wood = c.material(depth)
    wide, deep, thin = 0.4 * size, 0.15 * size, 0.015 * size
    for side in (-1, 1):
        place = _turned(foot, yaw, (side * wide, -0.5 * size, 0))
        c.add(Shape.BOX, place, (thin, 0.5 * size, deep), wood, yaw)
    for level in range(4):
        up = size * (0.02 + 0.32 * level)
        c.add(Shape.BOX, _turned(foot, yaw, (0, -up, 0)), (wide, thin, deep), wood, yaw)
        if level < 3 and c.rng.random() < 0.8:
            half = (
                wide * c.rng.uniform(0.2, 0.7),
                size * c.rng.uniform(0.05, 0.13),
                deep * c.rng.uniform(0.5, 0.9),
            )
            place = _turned(foot, yaw, (c.rng.uniform(-0.25, 0.25) * wide, -up - thin - half[1], 0))
            c.add(Shape.BOX, place, half, c.material(depth), yaw)


def plant(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A pot or trunk with leaves: cards with holes between the leaves, round foliage behind them."""
    trunk = size * c.rng.uniform(0.02, 0.06)
    c.add(
        Shape.CYLINDER, foot - np.array([0, 0.35 * size, 0]), (trunk, 0.35 * size, trunk), c.material(depth)
    )
    green = c.material(depth, plain=0.0)
    crown = foot - np.array([0.0, 0.7 * size, 0.0])
    if c.rng.random() < 0.5:
        c.add(Shape.ELLIPSOID, crown, size * c.rng.uniform(0.15, 0.3, 3), green)
    for _ in range(int(c.rng.integers(2, 5))):
        cells = -float(c.rng.integers(3, 9))
        half = (0.35 * size, 0.35 * size, 1e-3)
        place = crown + 0.12 * size * c.rng.standard_normal(3)
        c.add(Shape.CARD, place, half, green, c.any_turn(), extra=(0, 2, 0, 2, cells))


def fence(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Bars in a row: a card with gaps, or round posts with a rail."""
    yaw = rotation(c.rng.uniform(-1.0, 1.0))
    material = c.material(depth)
    long = size * c.rng.uniform(1.0, 3.0)
    if c.rng.random() < 0.5:
        bars = (
            float(c.rng.integers(4, 14)),
            c.rng.uniform(0.12, 0.4),
            float(c.rng.integers(0, 8)),
            0.12,
            0.0,
        )
        middle = _turned(foot, yaw, (0, -0.5 * size, 0))
        c.add(Shape.CARD, middle, (long, 0.5 * size, 1e-3), material, yaw, extra=bars)
        return
    posts, radius = int(c.rng.integers(4, 9)), size * c.rng.uniform(0.008, 0.03)
    for post in range(posts):
        place = _turned(foot, yaw, (long * (2 * post / (posts - 1) - 1), -0.5 * size, 0))
        c.add(Shape.CYLINDER, place, (radius, 0.5 * size, radius), material, yaw)
    c.add(Shape.BOX, _turned(foot, yaw, (0, -0.9 * size, 0)), (long, radius, radius), material, yaw)


def pole(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A thin rod, upright or leaning."""
    radius = size * c.rng.uniform(0.004, 0.04)
    lean = rotation(c.rng.uniform(-3, 3), 0.0, 0.4 * c.rng.standard_normal() * (c.rng.random() < 0.5))
    c.add(
        Shape.CYLINDER,
        foot - np.array([0, 0.5 * size, 0]),
        (radius, 0.6 * size, radius),
        c.material(depth),
        lean,
    )


def figure(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Somebody standing: legs, body, arms, head."""
    body, skin = c.material(depth), c.material(depth, plain=0.5)
    trousers = c.material(depth)
    yaw = rotation(c.rng.uniform(-np.pi, np.pi))
    for side in (-1, 1):
        limb = (0.05 * size, 0.24 * size, 0.06 * size)
        c.add(Shape.CYLINDER, _turned(foot, yaw, (0.07 * side * size, -0.24 * size, 0)), limb, trousers, yaw)
        swing = yaw @ rotation(0.0, c.rng.uniform(-0.7, 0.7), 0.15 * side)
        arm = (0.03 * size, 0.19 * size, 0.03 * size)
        c.add(Shape.CYLINDER, _turned(foot, yaw, (0.17 * side * size, -0.63 * size, 0)), arm, body, swing)
    torso = (0.15 * size, 0.22 * size, 0.09 * size)
    c.add(Shape.ELLIPSOID, _turned(foot, yaw, (0, -0.64 * size, 0)), torso, body, yaw)
    head = (0.065 * size, 0.085 * size, 0.075 * size)
    c.add(Shape.ELLIPSOID, _turned(foot, yaw, (0, -0.92 * size, 0)), head, skin, yaw)


def vehicle(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A car: body, cabin, wheels."""
    yaw = rotation(c.rng.uniform(-np.pi, np.pi))
    paint, dark = c.material(depth, plain=0.6), c.material(depth, plain=0.5)
    c.add(
        Shape.BOX, _turned(foot, yaw, (0, -0.4 * size, 0)), (1.4 * size, 0.25 * size, 0.55 * size), paint, yaw
    )
    cabin = (0.75 * size, 0.2 * size, 0.5 * size)
    c.add(Shape.BOX, _turned(foot, yaw, (-0.1 * size, -0.82 * size, 0)), cabin, dark, yaw)
    flat = yaw @ rotation(0.0, np.pi / 2)
    for x in (-0.9, 0.9):
        wheel = (0.22 * size, 0.58 * size, 0.22 * size)
        c.add(Shape.CYLINDER, _turned(foot, yaw, (x * size, -0.22 * size, 0)), wheel, dark, flat)


SMALL: tuple[Thing, ...] = (box, ball, can, can, pole)
INDOOR: tuple[Thing, ...] = (box, box, ball, can, table, table, shelf, plant, fence, pole, figure)
OUTDOOR: tuple[Thing, ...] = (
    box,
    box,
    plant,
    plant,
    fence,
    pole,
    pole,
    figure,
    figure,
    vehicle,
    vehicle,
    can,
)
