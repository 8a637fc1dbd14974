# SPDX-License-Identifier: Apache-2.0
"""Four ways to fill a picture: rooms, open ground, things afloat, and cluttered table tops."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from foundation_stereo_ros.training.composer import Composer
from foundation_stereo_ros.training.materials import Column, Pattern
from foundation_stereo_ros.training.objects import INDOOR, OUTDOOR, SMALL
from foundation_stereo_ros.training.primitives import Light, Shape, Vector, rotation
from foundation_stereo_ros.training.scene_tensors import HEIGHT_GRID


def room(c: Composer, clutter: float) -> None:
    """Walls, floor and ceiling, furniture, pictures on the walls."""
    rng = c.rng
    eye = rng.uniform(0.4, 1.8)
    c.world.view = rotation(rng.uniform(-0.7, 0.7), rng.uniform(-0.45, 0.1), 0.05 * rng.standard_normal())
    far = rng.uniform(2.5, 9.0)
    sides = rng.uniform(1.2, 4.5, 2)
    c.room((-sides[0], -rng.uniform(0.8, 2.0), -1.0), (sides[1], eye, far), 0.7 * far)
    for _ in range(int(clutter * rng.integers(4, 11))):
        depth = c.log_uniform(0.9, far)
        thing = INDOOR[int(rng.integers(len(INDOOR)))]
        foot = c.in_view(depth)
        foot[1] = eye
        if abs(foot[0]) < 5 and 0 < foot[2] < far:
            thing(c, foot, rng.uniform(0.3, 1.2), depth)
    for _ in range(int(rng.integers(0, 4))):  # pictures, a hair in front of the back wall
        place = (rng.uniform(-sides[0], sides[1]), rng.uniform(-0.8, eye), far - 0.01)
        c.add(Shape.CARD, place, (*rng.uniform(0.15, 0.6, 2), 1e-3), c.material(far))
    _afloat(c, int(clutter * rng.integers(0, 3)), 0.9, far, 0.04, 0.25)
    c.drop_nearer_than(0.35)


def outdoor(c: Composer, clutter: float) -> None:
    """Ground to the horizon, sky, buildings and trees far off, things near."""
    rng = c.rng
    eye = c.log_uniform(0.3, 3.0)
    pitch = rng.uniform(-0.35, 0.05)
    c.world.view = rotation(rng.uniform(-0.4, 0.4), pitch, 0.04 * rng.standard_normal())
    far = c.log_uniform(30.0, 300.0)
    c.room((-far, -far, -5.0), (far, eye, far), 0.05 * far)
    first = c.world.primitives[0].material
    sky = np.array([0.55, 0.7, 0.95]) * rng.uniform(0.6, 1.0) + 0.15 * rng.random()
    for face in range(6):
        if face == 3:  # the ground (+y): its cells are seen from near
            c.world.materials[first + face] = c.world.materials[c.material(3.0 * eye, plain=0.05)]
            continue
        row = c.world.materials[first + face]
        row[Column.PATTERN] = Pattern.BLOTCHES if rng.random() < 0.5 else Pattern.FLAT
        row[1:4], row[4:7] = sky, np.clip(sky * 1.2 + 0.1, 0.0, 1.0)
        row[Column.GRAIN] *= 0.15
        row[Column.GLOW] = 1.0
    if rng.random() < 0.35:
        reach = rng.uniform(6.0, 15.0) * eye
        bump = eye * rng.uniform(0.05, 0.3)
        _field(c, (0.0, eye - bump, 1.5 * eye + reach), (reach, bump, reach), np.eye(3), 4.0 * eye)
    for _ in range(int(rng.integers(1, 6))):  # buildings and hedges
        depth = c.log_uniform(8.0, min(60.0, 0.5 * far))
        tall, wide = c.size(depth, 0.08, 0.5), c.size(depth, 0.1, 0.5)
        place = c.in_view(depth, 0.2)
        place[1] = eye - 0.5 * tall
        c.add(
            Shape.BOX,
            place,
            (0.5 * wide, 0.5 * tall, 0.5 * wide),
            c.material(depth),
            rotation(rng.uniform(-1, 1)),
        )
    for _ in range(int(clutter * rng.integers(3, 11))):
        depth = c.log_uniform(1.5 * eye, 30.0 * eye)
        foot = c.in_view(depth)
        foot[1] = eye
        OUTDOOR[int(rng.integers(len(OUTDOOR)))](c, foot, eye * rng.uniform(0.4, 1.6), depth)
    c.drop_nearer_than(0.5 * eye)


def flying(c: Composer, clutter: float) -> None:
    """A slanted or rough background, things of any kind, turn and size in the air."""
    rng = c.rng
    far = c.log_uniform(2.0, 12.0)
    c.world.view = rotation(*(rng.uniform(-0.5, 0.5, 3) * (1.0, 0.6, 0.6)))
    c.room((-6 * far, -6 * far, -1.0), (6 * far, 6 * far, 1.05 * far), far)
    if rng.random() < 0.4:
        tilt = rotation(0.4 * rng.standard_normal(), np.pi / 2 + 0.3 * rng.standard_normal())
        tilt = tilt @ rotation(rng.uniform(-3, 3))
        wide = far * rng.uniform(0.2, 0.9)
        half = (wide, far * rng.uniform(0.04, 0.25), wide)
        _field(c, c.in_view(far * rng.uniform(0.6, 0.95), -0.2), half, tilt, far)
    _afloat(c, int(clutter * rng.integers(8, 30)), 0.7, far, 0.06, 0.6)
    c.drop_nearer_than(0.3)


def tabletop(c: Composer, clutter: float) -> None:
    """Close-up clutter: a board or cloth, a backdrop not far behind, many things at similar depths."""
    rng = c.rng
    c.world.view = rotation(rng.uniform(-0.5, 0.5), rng.uniform(-0.6, -0.05), 0.08 * rng.standard_normal())
    middle = rng.uniform(0.8, 2.0)
    eye = rng.uniform(0.2, 0.7) * middle
    back = middle * rng.uniform(1.2, 2.2)
    side = rng.uniform(0.6, 3.0, 2) * middle
    c.room((-side[0], -3.0 * middle, -0.5), (side[1], eye, back), middle)
    if rng.random() < 0.35:  # crumpled cloth or relief on the wall
        wide = middle * rng.uniform(0.4, 1.0)
        turn = rotation(0.2 * rng.standard_normal(), np.pi / 2)
        half = (wide, middle * rng.uniform(0.05, 0.22), wide)
        _field(c, (rng.uniform(-0.4, 0.4) * middle, 0.0, back - half[1]), half, turn, back)
    for _ in range(int(rng.integers(1, 5))):  # boards leaning at all angles
        depth = middle * rng.uniform(0.9, 1.8)
        half = (c.size(depth, 0.06, 0.3), c.size(depth, 0.06, 0.3), 0.005 * middle)
        turn = rotation(rng.uniform(-1.2, 1.2), rng.uniform(-0.9, 0.9), rng.uniform(-0.5, 0.5))
        c.add(Shape.BOX, c.in_view(depth), half, c.material(depth), turn)
    for _ in range(int(clutter * rng.integers(7, 18))):
        depth = middle * rng.uniform(0.75, 1.7)
        foot = c.in_view(depth)
        foot[1] = eye
        kinds = SMALL if rng.random() < 0.7 else INDOOR
        kinds[int(rng.integers(len(kinds)))](c, foot, c.size(depth, 0.1, 0.5), depth)
    _afloat(c, int(clutter * rng.integers(0, 5)), 0.7 * middle, back, 0.04, 0.25)
    c.drop_nearer_than(0.45 * middle)


def random_light(rng: np.random.Generator, view: Vector) -> Light:
    """Return a lamp above or behind the camera, near or as far as the sun."""
    towards = rng.standard_normal(3) * (1.0, 0.5, 1.0) + (0.0, -1.0, -0.7)
    position = towards / np.linalg.norm(towards) * np.exp(rng.uniform(0.3, 4.0))
    mottle = rng.uniform(0.0, 0.7) * (rng.random() < 0.4)
    tint = 1.0 + 0.06 * rng.standard_normal(3)
    return Light(position, rng.uniform(0.3, 0.75), mottle, float(np.exp(rng.uniform(-0.5, 2.0))), tint)


def _afloat(c: Composer, count: int, near: float, far: float, low: float, high: float) -> None:
    rng = c.rng
    for _ in range(count):
        depth = c.log_uniform(near, far)
        size = c.size(depth, low, high)
        shape = Shape(int(rng.choice([Shape.BOX, Shape.ELLIPSOID, Shape.CYLINDER, Shape.CARD])))
        half = 0.5 * size * rng.uniform(0.25, 1.0, 3)
        extra = (0.0, 2.0, 0.0, 2.0, 0.0)
        if shape == Shape.CYLINDER:
            half[[0, 2]] *= rng.choice([0.05, 0.3, 1.0])
            extra = (rng.uniform(-0.9, 0.9) * (rng.random() < 0.3), 2.0, 0.0, 2.0, 0.0)
        elif shape == Shape.CARD:
            extra = _card_cut(rng)
        if c.in_view(depth)[2] < far:
            c.add(shape, c.in_view(depth), half, c.material(depth), c.any_turn(), extra)


def _card_cut(rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    kind = rng.random()
    if kind < 0.4:
        return (0.0, 2.0, 0.0, 2.0, float(rng.random() < 0.5))
    if kind < 0.7:
        bars = float(rng.integers(2, 9))
        return (bars, rng.uniform(0.15, 0.5), float(rng.integers(0, 7)), rng.uniform(0.1, 0.4), 0.0)
    return (0.0, 2.0, 0.0, 2.0, -float(rng.integers(2, 8)))


def _field(
    c: Composer,
    center: Vector | tuple[float, float, float],
    half: tuple[float, float, float],
    turn: Vector,
    depth: float,
) -> None:
    """Add heights: a few octaves of smooth noise, sometimes folded into ridges."""
    total = torch.zeros(1, 1, HEIGHT_GRID, HEIGHT_GRID)
    octaves, weight = int(c.rng.integers(2, 5)), 1.0
    for octave in range(octaves):
        size = 3 + int(3 * 2.0**octave)
        coarse = torch.from_numpy(c.rng.uniform(0.0, 1.0, (1, 1, size, size)).astype(np.float32))
        total += weight * F.interpolate(
            coarse, (HEIGHT_GRID, HEIGHT_GRID), mode="bicubic", align_corners=True
        )
        weight *= 0.5
    heights = total[0, 0].numpy()
    if c.rng.random() < 0.4:
        heights = np.abs(heights - heights.mean())
    span = max(float(heights.max() - heights.min()), 1e-6)
    c.world.heights = ((heights - heights.min()) / span).astype(np.float32)
    c.add(Shape.FIELD, center, half, c.material(depth, plain=0.02), turn)
