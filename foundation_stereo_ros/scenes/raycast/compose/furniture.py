# SPDX-License-Identifier: Apache-2.0
"""Furniture, at a point on the floor as in `objects`."""

from __future__ import annotations

import numpy as np

from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.world import Shape, Vector, form, rotation

Offset = tuple[float, float, float]


class _Maker:
    """Adds boxes in a piece's own frame: x to its right, y up from the floor, z to its back; in shares of
    its size."""

    def __init__(self, c: Composer, foot: Vector, size: float) -> None:
        quarter = 0.5 * np.pi * c.rng.integers(0, 4)
        self.c, self.foot, self.size = c, foot, size
        self.yaw = rotation(quarter + 0.3 * c.rng.standard_normal())

    def add(
        self, shape: Shape, place: Offset, half: Offset, material: int, turn: Vector | None = None
    ) -> None:
        offset = self.yaw @ (self.size * np.array(place) * (1.0, -1.0, 1.0))
        self.c.add(shape, self.foot + offset, self.size * np.array(half), material, turn)

    def box(self, place: Offset, half: Offset, material: int, pitch: float = 0.0) -> None:
        self.add(Shape.BOX, place, half, material, self.yaw @ rotation(0.0, pitch))


def chair(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A seat, a back of bars or a board, four legs."""
    make, wood = _Maker(c, foot, size), c.material(depth)
    cloth = c.material(depth) if c.rng.random() < 0.6 else wood
    make.box((0, 0.45, 0), (0.23, 0.025, 0.23), cloth)
    for x in (-0.2, 0.2):
        make.box((x, 0.22, -0.2), (0.018, 0.22, 0.018), wood)
        make.box((x, 0.5, 0.2), (0.018, 0.5, 0.018), wood)
    if c.rng.random() < 0.5:
        make.box((0, 0.8, 0.2), (0.2, 0.17, 0.015), cloth)
    else:
        for bar in range(3):
            make.box((0, 0.62 + 0.15 * bar, 0.2), (0.2, 0.02, 0.01), wood)


def sofa(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Seat, back, arms, cushions."""
    make, cloth = _Maker(c, foot, size), c.material(depth)
    wide = c.rng.uniform(0.5, 1.1)
    make.box((0, 0.22, 0), (wide, 0.2, 0.4), cloth)
    make.box((0, 0.55, 0.35), (wide, 0.35, 0.1), cloth, pitch=-0.15)
    for x in (-wide, wide):
        make.box((x, 0.32, 0), (0.09, 0.32, 0.42), cloth)
    for _ in range(int(c.rng.integers(0, 4))):
        place = (c.rng.uniform(-0.8, 0.8) * wide, 0.55, 0.15)
        make.add(Shape.ELLIPSOID, place, (0.2, 0.18, 0.08), c.material(depth), make.yaw)


def desk(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A top on two sides, a screen, a keyboard, a cup."""
    make, wood = _Maker(c, foot, size), c.material(depth)
    make.box((0, 0.7, 0), (0.75, 0.02, 0.38), wood)
    for x in (-0.7, 0.7):
        make.box((x, 0.35, 0), (0.025, 0.35, 0.36), wood)
    dark, screen = c.material(depth, plain=0.7), c.material(depth, plain=0.2)
    make.box((0.1, 1.02, 0.15), (0.32, 0.2, 0.015), dark)
    make.box((0.1, 1.02, 0.133), (0.3, 0.18, 0.004), screen)
    make.box((0.1, 0.78, 0.15), (0.03, 0.07, 0.02), dark)
    make.box((0.1, 0.73, -0.15), (0.24, 0.01, 0.08), c.material(depth))
    cup = (-0.45, 0.78, c.rng.uniform(-0.2, 0.2))
    make.add(Shape.CYLINDER, cup, (0.045, 0.06, 0.045), c.material(depth))


def bed(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A mattress on a frame, a head board, pillows, a blanket."""
    make, wood, sheet = _Maker(c, foot, size), c.material(depth), c.material(depth, plain=0.6)
    make.box((0, 0.15, 0), (0.6, 0.15, 1.0), wood)
    make.box((0, 0.38, 0), (0.58, 0.1, 0.97), sheet)
    make.box((0, 0.42, -0.3), (0.6, 0.09, 0.65), c.material(depth))
    make.box((0, 0.5, 1.0), (0.6, 0.5, 0.03), wood)
    for x in (-0.28, 0.28):
        make.add(Shape.ELLIPSOID, (x, 0.52, 0.75), (0.24, 0.09, 0.16), sheet, make.yaw)


def cabinet(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A body with doors or drawers that stand off a little, and their handles."""
    make, body = _Maker(c, foot, size), c.material(depth)
    face = body if c.rng.random() < 0.5 else c.material(depth)
    wide, deep = c.rng.uniform(0.25, 0.7), c.rng.uniform(0.2, 0.35)
    make.box((0, 0.5, 0), (wide, 0.5, deep), body)
    columns, rows = int(c.rng.integers(1, 3)), int(c.rng.integers(1, 5))
    metal = c.material(depth, plain=0.8)
    for column in range(columns):
        for row in range(rows):
            x = wide * ((2 * column + 1) / columns - 1.0)
            y = (2 * row + 1) / (2 * rows)
            make.box((x, y, -deep - 0.008), (0.93 * wide / columns, 0.46 / rows, 0.008), face)
            make.box((x, y + 0.2 / rows, -deep - 0.03), (0.06, 0.01, 0.012), metal)


def books(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Shelves with books of all heights, some leaning."""
    make, wood = _Maker(c, foot, size), c.material(depth)
    wide = c.rng.uniform(0.25, 0.45)
    make.box((0, 0.5, 0.13), (wide, 0.5, 0.008), wood)
    for x in (-wide, wide):
        make.box((x, 0.5, 0), (0.012, 0.5, 0.14), wood)
    covers = [c.material(depth, plain=0.5) for _ in range(4)]
    for level in range(4):
        make.box((0, 0.02 + 0.3 * level, 0), (wide, 0.012, 0.14), wood)
        x = -wide + 0.03
        while level < 3 and x < wide * c.rng.uniform(0.3, 0.9):
            thick, tall = c.rng.uniform(0.012, 0.035), c.rng.uniform(0.08, 0.13)
            make.box((x + thick, 0.035 + 0.3 * level + tall, -0.02), (thick, tall, 0.1), c.pick(covers))
            x += 2 * thick + 0.003


def lamp(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A foot, a thin stand and a shade."""
    metal, shade = c.material(depth, plain=0.8), c.material(depth, plain=0.5)
    c.add(Shape.CYLINDER, foot - [0, 0.01 * size, 0], (0.13 * size, 0.012 * size, 0.13 * size), metal)
    c.rod(foot, foot - [0, 0.85 * size, 0], 0.012 * size, metal)
    half = size * np.array([0.17, 0.12, 0.17])
    c.add(Shape.CYLINDER, foot - [0, 0.9 * size, 0], half, shade, extra=form(-0.4))


def stairs(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A flight of steps."""
    make, stone = _Maker(c, foot, size), c.material(depth)
    wide, steps = c.rng.uniform(0.4, 0.9), int(c.rng.integers(3, 7))
    for step in range(steps):
        tall = (step + 1) / (2 * steps)
        make.box((0, tall, 0.22 * step), (wide, tall, 0.12), stone)


FURNITURE = (chair, chair, sofa, desk, bed, cabinet, cabinet, books, books, lamp, stairs)
