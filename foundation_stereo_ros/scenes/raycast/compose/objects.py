# SPDX-License-Identifier: Apache-2.0
"""Things made of several surfaces. They stand at a point on the floor (y points down), or are in the air."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.world import Extra, Shape, Vector, form, rotation

Thing = Callable[[Composer, Vector, float, float], None]
"""(composer, foot: 3 in the world, size: rough height in metres, depth for the materials)."""

_SHAPES = (Shape.BOX, Shape.ELLIPSOID, Shape.CYLINDER, Shape.CARD, Shape.FACETED)


def box(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A carton, maybe others on top of it."""
    material = c.material(depth)
    for level in range(int(c.rng.integers(1, 4))):
        half = 0.5 * size * c.rng.uniform(0.3, 1.0, 3) / (1 + level)
        turn = rotation(c.rng.uniform(-np.pi, np.pi))
        c.add(Shape.BOX, foot - [0.0, half[1], 0.0], half, material, turn)
        foot = foot - [0.0, 2 * half[1], 0.0]
        material = c.material(depth) if c.rng.random() < 0.7 else material


def ball(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A ball or an egg."""
    half = 0.5 * size * (np.ones(3) if c.rng.random() < 0.5 else c.rng.uniform(0.4, 1.0, 3))
    center, material = foot - [0.0, half[1], 0.0], c.material(depth)
    c.add(Shape.ELLIPSOID, center, half, material, rotation(c.rng.uniform(0, 3)))


def can(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A can, a bottle's body or a cone."""
    radius = size * c.rng.uniform(0.1, 0.45)
    taper = 0.0 if c.rng.random() < 0.6 else c.rng.uniform(-0.9, 0.4)
    half = (radius, 0.5 * size, radius * c.rng.uniform(0.8, 1.0))
    c.add(Shape.CYLINDER, foot - [0.0, 0.5 * size, 0.0], half, c.material(depth), extra=form(taper))


def table(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A table or a stool: a top, four legs, something on it."""
    yaw, wood = rotation(c.rng.uniform(-np.pi, np.pi)), c.material(depth)
    half_x, half_z = size * c.rng.uniform(0.4, 1.1, 2)
    top, leg = 0.03 * size, size * c.rng.uniform(0.015, 0.05)
    c.add(Shape.BOX, foot + yaw @ [0, -size, 0], (half_x, top, half_z), wood, yaw)
    shape = Shape.BOX if c.rng.random() < 0.6 else Shape.CYLINDER
    for x in (-1, 1):
        for z in (-1, 1):
            place = foot + yaw @ [x * (half_x - leg), -0.5 * size, z * (half_z - leg)]
            c.add(shape, place, (leg, 0.5 * size, leg), wood, yaw)
    for _ in range(int(c.rng.integers(0, 4))):
        x, z = c.rng.uniform(-0.7, 0.7) * half_x, c.rng.uniform(-0.7, 0.7) * half_z
        c.pick(SMALL)(c, foot + yaw @ [x, -size - top, z], size * c.rng.uniform(0.15, 0.5), depth)


def shelf(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Boards between two sides, boxes like books on them."""
    yaw, wood = rotation(c.rng.uniform(-0.6, 0.6)), c.material(depth)
    wide, deep, thin = 0.4 * size, 0.15 * size, 0.015 * size
    for side in (-1, 1):
        c.add(Shape.BOX, foot + yaw @ [side * wide, -0.5 * size, 0], (thin, 0.5 * size, deep), wood, yaw)
    for level in range(4):
        up = size * (0.02 + 0.32 * level)
        c.add(Shape.BOX, foot + yaw @ [0, -up, 0], (wide, thin, deep), wood, yaw)
        if level < 3 and c.rng.random() < 0.8:
            half = np.array([wide, size, deep]) * c.rng.uniform((0.2, 0.05, 0.5), (0.7, 0.13, 0.9))
            place = foot + yaw @ [c.rng.uniform(-0.25, 0.25) * wide, -up - thin - half[1], 0]
            c.add(Shape.BOX, place, half, c.material(depth), yaw)


def plant(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A pot or trunk with leaves: cards with holes between the leaves, round foliage behind them."""
    trunk = size * c.rng.uniform(0.02, 0.06)
    c.add(Shape.CYLINDER, foot - [0, 0.35 * size, 0], (trunk, 0.35 * size, trunk), c.material(depth))
    green, crown = c.material(depth, plain=0.0), foot - [0.0, 0.7 * size, 0.0]
    if c.rng.random() < 0.5:
        c.add(Shape.ELLIPSOID, crown, size * c.rng.uniform(0.15, 0.3, 3), green)
    for _ in range(int(c.rng.integers(2, 5))):
        leaves = form(cut=-float(c.rng.integers(3, 9)))
        place = crown + 0.12 * size * c.rng.standard_normal(3)
        c.add(Shape.CARD, place, (0.35 * size, 0.35 * size, 1e-3), green, c.any_turn(), leaves)


def fence(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Bars in a row: a card with gaps, or round posts with a rail."""
    yaw, material = rotation(c.rng.uniform(-1.0, 1.0)), c.material(depth)
    long = size * c.rng.uniform(1.0, 3.0)
    if c.rng.random() < 0.5:
        upright, share = float(c.rng.integers(4, 14)), c.rng.uniform(0.12, 0.4)
        bars = (upright, share, float(c.rng.integers(0, 8)), 0.12, 0.0)
        c.add(Shape.CARD, foot + yaw @ [0, -0.5 * size, 0], (long, 0.5 * size, 1e-3), material, yaw, bars)
        return
    posts, radius = int(c.rng.integers(4, 9)), size * c.rng.uniform(0.008, 0.03)
    for post in range(posts):
        place = foot + yaw @ [long * (2 * post / (posts - 1) - 1), -0.5 * size, 0]
        c.add(Shape.CYLINDER, place, (radius, 0.5 * size, radius), material, yaw)
    c.add(Shape.BOX, foot + yaw @ [0, -0.9 * size, 0], (long, radius, radius), material, yaw)


def pole(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A thin rod, upright or leaning."""
    radius = size * c.rng.uniform(0.004, 0.04)
    lean = rotation(c.rng.uniform(-3, 3), 0.0, 0.4 * c.rng.standard_normal() * (c.rng.random() < 0.5))
    c.add(Shape.CYLINDER, foot - [0, 0.5 * size, 0], (radius, 0.6 * size, radius), c.material(depth), lean)


def figure(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Somebody standing: legs, body, arms, head."""
    body, skin = c.material(depth), c.material(depth, plain=0.5)
    trousers = c.material(depth)
    yaw = rotation(c.rng.uniform(-np.pi, np.pi))
    for side in (-1, 1):
        limb = (0.05 * size, 0.24 * size, 0.06 * size)
        c.add(Shape.CYLINDER, foot + yaw @ [0.07 * side * size, -0.24 * size, 0], limb, trousers, yaw)
        swing = yaw @ rotation(0.0, c.rng.uniform(-0.7, 0.7), 0.15 * side)
        arm = (0.03 * size, 0.19 * size, 0.03 * size)
        c.add(Shape.CYLINDER, foot + yaw @ [0.17 * side * size, -0.63 * size, 0], arm, body, swing)
    torso = (0.15 * size, 0.22 * size, 0.09 * size)
    c.add(Shape.ELLIPSOID, foot + yaw @ [0, -0.64 * size, 0], torso, body, yaw)
    head = (0.065 * size, 0.085 * size, 0.075 * size)
    c.add(Shape.ELLIPSOID, foot + yaw @ [0, -0.92 * size, 0], head, skin, yaw)


def vehicle(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A car: body, cabin, wheels."""
    yaw = rotation(c.rng.uniform(-np.pi, np.pi))
    paint, dark = c.material(depth, plain=0.6), c.material(depth, plain=0.5)
    hull, cabin = (1.4 * size, 0.25 * size, 0.55 * size), (0.75 * size, 0.2 * size, 0.5 * size)
    c.add(Shape.BOX, foot + yaw @ [0, -0.4 * size, 0], hull, paint, yaw)
    c.add(Shape.BOX, foot + yaw @ [-0.1 * size, -0.82 * size, 0], cabin, dark, yaw)
    flat, wheel = yaw @ rotation(0.0, np.pi / 2), (0.22 * size, 0.58 * size, 0.22 * size)
    for x in (-0.9, 0.9):
        c.add(Shape.CYLINDER, foot + yaw @ [x * size, -0.22 * size, 0], wheel, dark, flat)


SMALL: tuple[Thing, ...] = (box, ball, can, can, pole)
INDOOR: tuple[Thing, ...] = (box, box, ball, can, table, table, shelf, plant, fence, pole, figure)
OUTDOOR = (box, box, plant, plant, fence, pole, pole, figure, figure, vehicle, vehicle, can)


def afloat(c: Composer, count: int, near: float, far: float, low: float, high: float) -> None:
    """Add things in the air between two depths; sizes are shares of the picture's width."""
    rng = c.rng
    for _ in range(count):
        depth = c.log_uniform(near, far)
        size = c.size(depth, low, high)
        shape = c.pick(_SHAPES)
        half = 0.5 * size * rng.uniform(0.25, 1.0, 3)
        extra = form()
        if shape == Shape.CYLINDER:
            half[[0, 2]] *= rng.choice([0.05, 0.3, 1.0])
            extra = form(rng.uniform(-0.9, 0.9) * (rng.random() < 0.3))
        elif shape == Shape.CARD:
            extra = _card_cut(rng)
        elif shape == Shape.FACETED:
            extra = form(rng.uniform(1.0, 2.6))
        place = c.in_view(depth)
        if place[2] < far:
            c.add(shape, place, half, c.material(depth), c.any_turn(), extra)


def _card_cut(rng: np.random.Generator) -> Extra:
    kind = rng.random()
    if kind < 0.4:
        return form(cut=float(rng.random() < 0.5))
    if kind < 0.7:
        bars = float(rng.integers(2, 9))
        return (bars, rng.uniform(0.15, 0.5), float(rng.integers(0, 7)), rng.uniform(0.1, 0.4), 0.0)
    return form(cut=-float(rng.integers(2, 8)))
