# SPDX-License-Identifier: Apache-2.0
"""Scenes between walls: furnished rooms, cluttered table tops, bare corners, stacks of goods."""

from __future__ import annotations

import numpy as np

from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.furniture import FURNITURE
from foundation_stereo_ros.scenes.raycast.compose.materials import Column, Pattern, smooth
from foundation_stereo_ros.scenes.raycast.compose.objects import INDOOR, SMALL, afloat
from foundation_stereo_ros.scenes.raycast.compose.thin import THIN
from foundation_stereo_ros.scenes.raycast.compose.world import Shape, rotation

_CEILING, _FLOOR = 2, 3  # a room's faces: -x, +x, -y, +y, -z, +z


def room(c: Composer, clutter: float) -> None:
    """Walls, floor and ceiling, furniture, pictures and windows on the walls."""
    rng = c.rng
    eye = rng.uniform(0.4, 1.8)
    c.world.view = rotation(rng.uniform(-0.7, 0.7), rng.uniform(-0.45, 0.1), 0.05 * rng.standard_normal())
    far = rng.uniform(2.5, 9.0)
    sides = rng.uniform(1.2, 4.5, 2)
    low = (-sides[0], -rng.uniform(0.8, 2.0), -1.0)
    c.room(low, (sides[1], eye, far), 0.7 * far)
    _papered(c)
    for _ in range(int(clutter * rng.integers(4, 11))):
        depth = c.log_uniform(0.9, far)
        kinds = c.pick((INDOOR, FURNITURE, FURNITURE, THIN))
        foot = c.in_view(depth)
        foot[1] = eye
        if -sides[0] + 0.2 < foot[0] < sides[1] - 0.2 and 0 < foot[2] < far - 0.2:
            c.pick(kinds)(c, foot, rng.uniform(0.4, 1.3), depth)
    for _ in range(int(rng.integers(0, 5))):  # pictures and windows, a hair in front of the back wall
        place = (rng.uniform(-sides[0], sides[1]), rng.uniform(low[1], 0.6 * eye), far - 0.03)
        half = (*rng.uniform(0.15, 0.7, 2), 0.03)
        c.add(Shape.BOX, place, half, c.material(far, plain=0.7))
        c.add(Shape.CARD, (*place[:2], far - 0.062), (0.9 * half[0], 0.9 * half[1], 1e-3), c.material(far))
        c.world.materials[-1][Column.GLOW] = float(rng.random() < 0.25)
    afloat(c, int(clutter * rng.integers(0, 2)), 0.9, far, 0.04, 0.2)
    c.drop_nearer_than(0.35)


def tabletop(c: Composer, clutter: float) -> None:
    """Close-up clutter: a board or cloth, a backdrop not far behind, many things at similar depths."""
    rng = c.rng
    c.world.view = rotation(rng.uniform(-0.5, 0.5), rng.uniform(-0.6, -0.05), 0.08 * rng.standard_normal())
    middle = rng.uniform(0.8, 2.0)
    eye = rng.uniform(0.2, 0.7) * middle
    back = middle * rng.uniform(1.2, 3.0)
    side = rng.uniform(0.6, 3.0, 2) * middle
    c.room((-side[0], -3.0 * middle, -0.5), (side[1], eye, back), middle)
    if rng.random() < 0.4:  # crumpled cloth or relief on the wall
        wide = middle * rng.uniform(0.4, 1.0)
        turn = rotation(0.2 * rng.standard_normal(), np.pi / 2)
        half = (wide, middle * rng.uniform(0.05, 0.22), wide)
        c.add_field((rng.uniform(-0.4, 0.4) * middle, 0.0, back - half[1]), half, turn, back)
    for _ in range(int(rng.integers(1, 5))):  # boards leaning at all angles
        depth = middle * rng.uniform(0.9, 1.8)
        half = (c.size(depth, 0.06, 0.3), c.size(depth, 0.06, 0.3), 0.005 * middle)
        turn = rotation(rng.uniform(-1.2, 1.2), rng.uniform(-0.9, 0.9), rng.uniform(-0.5, 0.5))
        c.add(Shape.BOX, c.in_view(depth), half, c.material(depth), turn)
    for _ in range(int(clutter * rng.integers(7, 18))):
        depth = middle * rng.uniform(0.75, 1.7)
        foot = c.in_view(depth)
        foot[1] = eye
        kind = c.pick(c.pick((SMALL, SMALL, SMALL, INDOOR, THIN)))
        kind(c, foot, c.size(depth, 0.1, 0.5), depth)
    afloat(c, int(clutter * rng.integers(0, 4)), 0.7 * middle, back, 0.04, 0.25)
    c.drop_nearer_than(0.45 * middle)


def corner(c: Composer, clutter: float) -> None:
    """Almost nothing to hold on to: bare walls seen aslant, a few things before them."""
    rng = c.rng
    c.world.view = rotation(rng.uniform(-1.2, 1.2), rng.uniform(-0.3, 0.2), 0.1 * rng.standard_normal())
    far, eye = rng.uniform(1.5, 6.0), rng.uniform(0.4, 1.6)
    sides = rng.uniform(0.8, 3.0, 2)
    c.room((-sides[0], -rng.uniform(0.8, 2.0), -far), (sides[1], eye, far), far)
    for row in c.world.materials:
        smooth(row, rng)
    for _ in range(int(clutter * rng.integers(1, 7))):
        depth = c.log_uniform(0.6, far)
        foot = c.in_view(depth)
        if rng.random() < 0.7:
            foot[1] = eye
        c.pick(c.pick((INDOOR, FURNITURE, SMALL)))(c, foot, rng.uniform(0.2, 0.9), depth)
    c.drop_nearer_than(0.35)


def stack(c: Composer, clutter: float) -> None:
    """Rows of the same things again and again, as in stores: what matches one fits its neighbours, too."""
    rng = c.rng
    c.world.view = rotation(rng.uniform(-0.9, 0.9), rng.uniform(-0.3, 0.15), 0.03 * rng.standard_normal())
    far, eye = rng.uniform(3.0, 9.0), rng.uniform(0.6, 1.8)
    c.room((-5.0, -2.5, -1.0), (5.0, eye, far), far)
    for _ in range(int(rng.integers(1, 4))):
        depth = rng.uniform(0.25, 0.8) * far
        start = c.in_view(depth, -0.1)
        half = depth * rng.uniform(0.03, 0.12) * rng.uniform(0.5, 1.0, 3)
        pitch = 2.0 * half * rng.uniform(1.02, 1.6, 3)
        shape = Shape(int(rng.choice([Shape.BOX, Shape.CYLINDER, Shape.ELLIPSOID])))
        turn, goods = rotation(rng.uniform(-0.4, 0.4)), [c.material(depth) for _ in range(2)]
        kinds = int(rng.integers(1, 3))
        columns, rows = int(rng.integers(3, 8)), int(rng.integers(1, 4))
        for column in range(columns):
            for row in range(rows):
                step = np.array([column - 0.5 * columns, row - 0.5 * rows, 0.0]) * pitch
                c.add(shape, start + turn @ step, half, goods[(column + row) % kinds], turn)
        beam = np.array([0.5 * columns * pitch[0], 0.08 * half[1], half[2]])
        for row in range(rows + 1):
            down = (row - 0.5 * rows - 0.5) * pitch[1]
            c.add(Shape.BOX, start + turn @ [-0.5 * pitch[0], down, 0.0], beam, goods[0], turn)
    afloat(c, int(clutter * rng.integers(0, 4)), 1.0, far, 0.05, 0.2)
    c.drop_nearer_than(0.4)


def _papered(c: Composer) -> None:
    """Give most rooms walls that are alike, a pale ceiling, and a floor of its own."""
    first, rng = c.world.primitives[0].material, c.rng
    if rng.random() < 0.3:
        return
    rows = c.world.materials
    for face in (1, 4, 5):
        rows[first + face] = rows[first].copy()
    ceiling = rows[first + _CEILING]
    if rng.random() < 0.8:
        ceiling[Column.PATTERN] = Pattern.FLAT
    ceiling[1:4], ceiling[4:7] = rng.uniform(0.6, 0.95), rng.uniform(0.5, 0.95)
    ceiling[Column.GRAIN] *= 0.2
    if rng.random() < 0.5:
        floors = (Pattern.WOOD, Pattern.STRIPES, Pattern.GRID, Pattern.CHECKER, Pattern.WEAVE, Pattern.VEINS)
        rows[first + _FLOOR][Column.PATTERN] = c.pick(floors)
