# SPDX-License-Identifier: Apache-2.0
"""Scenes without a floor: things of any kind in the air, and thickets of thin ones."""

from __future__ import annotations

import numpy as np

from foundation_stereo_ros.scenes.raycast.compose.composer import ROUGH, SMOOTH, Composer, add_field
from foundation_stereo_ros.scenes.raycast.compose.thin import THIN, wire
from foundation_stereo_ros.scenes.raycast.compose.world import Shape, rotation

_SHAPES = (Shape.BOX, Shape.ELLIPSOID, Shape.CYLINDER, Shape.CARD, Shape.FACETED)
_NO_CUT = (0.0, 2.0, 0.0, 2.0, 0.0)


def flying(c: Composer, clutter: float) -> None:
    """A slanted or rough background, things of any kind, turn and size in the air."""
    rng = c.rng
    far = c.log_uniform(2.0, 40.0)
    c.world.view = rotation(*(rng.uniform(-0.5, 0.5, 3) * (1.0, 0.6, 0.6)))
    c.room((-6 * far, -6 * far, -1.0), (6 * far, 6 * far, 1.05 * far), far)
    if rng.random() < 0.4:
        tilt = rotation(0.4 * rng.standard_normal(), np.pi / 2 + 0.3 * rng.standard_normal())
        tilt = tilt @ rotation(rng.uniform(-3, 3))
        wide = far * rng.uniform(0.2, 0.9)
        half = (wide, far * rng.uniform(0.04, 0.25), wide)
        add_field(c, c.in_view(far * rng.uniform(0.6, 0.95), -0.2), half, tilt, far, SMOOTH + ROUGH)
    afloat(c, int(clutter * rng.integers(8, 30)), 0.7, far, 0.06, 0.6)
    c.drop_nearer_than(0.3)


def thicket(c: Composer, clutter: float) -> None:
    """Rods, branches, meshes and leaves at all depths before something far behind."""
    rng = c.rng
    far, near = c.log_uniform(3.0, 25.0), rng.uniform(0.8, 1.5)
    c.world.view = rotation(rng.uniform(-0.5, 0.5), rng.uniform(-0.3, 0.2), 0.1 * rng.standard_normal())
    eye = rng.uniform(0.5, 1.5)
    c.room((-4 * far, -4 * far, -1.0), (4 * far, eye if rng.random() < 0.7 else 4 * far, far), far)
    if rng.random() < 0.5:
        turn = rotation(0.3 * rng.standard_normal(), np.pi / 2)
        half = (0.6 * far, far * rng.uniform(0.05, 0.2), 0.6 * far)
        add_field(c, c.in_view(0.85 * far, -0.3), half, turn, 0.8 * far, ROUGH)
    for _ in range(int(clutter * rng.integers(3, 9))):
        depth = c.log_uniform(near, 0.8 * far)
        foot = c.in_view(depth, 0.1)
        size = c.size(depth, 0.25, 0.9)
        if rng.random() < 0.6:
            foot[1] = eye
        else:
            foot[1] += 0.5 * size
        THIN[int(rng.integers(len(THIN)))](c, foot, size, depth)
    for _ in range(int(rng.integers(0, 4))):
        wire(c, c.log_uniform(near, 0.7 * far))
    for _ in range(int(clutter * rng.integers(2, 14))):
        depth = c.log_uniform(near, 0.8 * far)
        span = c.size(depth, 0.1, 0.8)
        start, along = c.in_view(depth), rng.standard_normal(3)
        end = start + span * along / np.linalg.norm(along)
        c.rod(start, end, 0.5 * c.pixels(depth, 1.0, 7.0), c.material(depth))
    c.drop_nearer_than(0.5)


def afloat(c: Composer, count: int, near: float, far: float, low: float, high: float) -> None:
    """Add things in the air between two depths; sizes are shares of the picture's width."""
    rng = c.rng
    for _ in range(count):
        depth = c.log_uniform(near, far)
        size = c.size(depth, low, high)
        shape = _SHAPES[int(rng.integers(len(_SHAPES)))]
        half = 0.5 * size * rng.uniform(0.25, 1.0, 3)
        extra = _NO_CUT
        if shape == Shape.CYLINDER:
            half[[0, 2]] *= rng.choice([0.05, 0.3, 1.0])
            extra = (rng.uniform(-0.9, 0.9) * (rng.random() < 0.3), 2.0, 0.0, 2.0, 0.0)
        elif shape == Shape.CARD:
            extra = _card_cut(rng)
        elif shape == Shape.FACETED:
            extra = (rng.uniform(1.0, 2.6), 2.0, 0.0, 2.0, 0.0)
        place = c.in_view(depth)
        if place[2] < far:
            c.add(shape, place, half, c.material(depth), c.any_turn(), extra)


def _card_cut(rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    kind = rng.random()
    if kind < 0.4:
        return (0.0, 2.0, 0.0, 2.0, float(rng.random() < 0.5))
    if kind < 0.7:
        bars = float(rng.integers(2, 9))
        return (bars, rng.uniform(0.15, 0.5), float(rng.integers(0, 7)), rng.uniform(0.1, 0.4), 0.0)
    return (0.0, 2.0, 0.0, 2.0, -float(rng.integers(2, 8)))
