# SPDX-License-Identifier: Apache-2.0
"""Scenes without walls: open ground, streets between houses, things in the air, thickets."""

from __future__ import annotations

import numpy as np

from foundation_stereo_ros.scenes.raycast.compose.composer import ROUGH, SMOOTH, Composer
from foundation_stereo_ros.scenes.raycast.compose.materials import Column, Pattern
from foundation_stereo_ros.scenes.raycast.compose.objects import OUTDOOR, afloat, fence, figure, pole, vehicle
from foundation_stereo_ros.scenes.raycast.compose.thin import THIN, tree, wire
from foundation_stereo_ros.scenes.raycast.compose.world import Shape, form, rotation

_GROUND = 3  # the room's face towards +y


def outdoor(c: Composer, clutter: float) -> None:
    """Ground to the horizon, sky, hills, buildings and trees far off, things near."""
    rng = c.rng
    eye = c.log_uniform(0.3, 3.0)
    c.world.view = rotation(rng.uniform(-0.4, 0.4), rng.uniform(-0.35, 0.05), 0.04 * rng.standard_normal())
    far = c.log_uniform(30.0, 300.0)
    _open_air(c, eye, far)
    if rng.random() < 0.5:  # rough ground, grass
        reach = rng.uniform(6.0, 15.0) * eye
        bump = eye * rng.uniform(0.05, 0.3)
        center = (0.0, eye - bump, 1.5 * eye + reach)
        c.add_field(center, (reach, bump, reach), np.eye(3), 4.0 * eye, SMOOTH + ROUGH)
    _horizon(c, eye, far)
    for _ in range(int(rng.integers(1, 6))):  # buildings and hedges
        depth = c.log_uniform(8.0, min(60.0, 0.5 * far))
        place = c.in_view(depth, 0.2)
        foot = np.array([place[0], eye, place[2]])
        _house(c, foot, c.size(depth, 0.1, 0.5), c.size(depth, 0.08, 0.5), depth)
    for _ in range(int(clutter * rng.integers(3, 11))):
        depth = c.log_uniform(1.5 * eye, 30.0 * eye)
        foot = c.in_view(depth)
        foot[1] = eye
        kinds = OUTDOOR if rng.random() < 0.75 else THIN
        c.pick(kinds)(c, foot, eye * rng.uniform(0.4, 1.6), depth)
    c.drop_nearer_than(0.5 * eye)


def street(c: Composer, clutter: float) -> None:
    """A road between rows of houses: cars, people, poles and trees along it, far ends of sub-pixel
    disparity."""
    rng = c.rng
    eye, far = rng.uniform(1.0, 2.2), c.log_uniform(60.0, 300.0)
    c.world.view = rotation(rng.uniform(-0.35, 0.35), rng.uniform(-0.15, 0.06), 0.02 * rng.standard_normal())
    _open_air(c, eye, far)
    road = rng.uniform(3.0, 8.0)
    asphalt = c.material(4.0, plain=0.3)
    c.world.materials[asphalt][Column.PATTERN] = Pattern.FLAT
    half, flat = (0.7 * road, 0.5 * far, 1e-3), rotation(0, np.pi / 2)
    c.add(Shape.CARD, (0.0, eye - 0.01, 0.5 * far), half, asphalt, flat)
    for side in (-1.0, 1.0):
        z = rng.uniform(2.0, 8.0)
        while z < 0.5 * far and rng.random() < 0.95:
            deep, tall = rng.uniform(2.5, 9.0), rng.uniform(3.0, 14.0)
            foot = np.array([side * (road + 1.5 + deep), eye, z + deep])
            _house(c, foot, 2.0 * deep, tall, z + 2.0)
            z += 2.0 * deep + rng.uniform(0.0, 3.0)
        z = rng.uniform(2.0, 6.0)
        kinds = (vehicle, vehicle, pole, tree, figure, fence)
        while z < 45.0 and rng.random() < 0.9 * clutter:
            foot = np.array([side * road * rng.uniform(0.5, 1.05), eye, z])
            kind = c.pick(kinds)
            kind(c, foot, {pole: 6.0, tree: 4.0, vehicle: 1.6}.get(kind, 1.5) * rng.uniform(0.8, 1.2), z)
            z += rng.uniform(2.0, 8.0)
    c.drop_nearer_than(1.0)


def _open_air(c: Composer, eye: float, far: float) -> None:
    """Add ground and a sky with or without clouds."""
    rng = c.rng
    c.room((-far, -far, -5.0), (far, eye, far), 0.05 * far)
    first = c.world.primitives[0].material
    sky = np.array([0.55, 0.7, 0.95]) * rng.uniform(0.6, 1.0) + 0.15 * rng.random()
    kind = Pattern.BLOTCHES if rng.random() < 0.5 else Pattern.FLAT
    seed = c.world.materials[first].copy()
    for face in range(6):
        if face == _GROUND:  # its cells are seen from near
            c.world.materials[first + face] = c.world.materials[c.material(3.0 * eye, plain=0.05)]
            continue
        row = seed.copy()
        row[Column.PATTERN], row[Column.WARP], row[Column.FINEST] = kind, 0.0, 3.5
        row[1:4], row[4:7] = sky, np.clip(sky * 1.2 + 0.1, 0.0, 1.0)
        row[Column.GRAIN] *= 0.1
        row[Column.GLOW] = 1.0
        c.world.materials[first + face] = row


def _horizon(c: Composer, eye: float, far: float) -> None:
    """Add hills or a wood along the horizon."""
    rng = c.rng
    haze = c.material(0.6 * far, plain=0.4)
    for _ in range(int(rng.integers(0, 7))):
        depth = far * rng.uniform(0.4, 0.85)
        place = c.in_view(depth, 0.2)
        wide, tall = depth * rng.uniform(0.1, 0.5), depth * rng.uniform(0.02, 0.1)
        if place[2] + wide < far:
            c.add(Shape.ELLIPSOID, (place[0], eye, place[2]), (wide, tall, 0.3 * wide), haze)


def _house(c: Composer, foot: np.ndarray, wide: float, tall: float, depth: float) -> None:
    """Add a block with windows, sometimes under a roof."""
    rng = c.rng
    wall = c.material(depth)
    row = c.world.materials[wall]
    if rng.random() < 0.5:
        cell = max(rng.uniform(0.12, 0.3) * tall, 6.0 * depth / c.focal)
        row[Column.PATTERN], row[Column.COSINE], row[Column.SINE] = Pattern.WINDOWS, 1.0, 0.0
        row[Column.FREQUENCY_U], row[Column.FREQUENCY_V] = 1.2 / cell, 1.0 / cell
        row[Column.GRAIN] *= 0.4
        row[Column.WARP] = 0.0
    turn = rotation(rng.uniform(-1, 1) if rng.random() < 0.5 else 0.1 * rng.standard_normal())
    half = np.array([0.5 * wide, 0.5 * tall, 0.5 * wide])
    c.add(Shape.BOX, foot - [0.0, half[1], 0.0], half, wall, turn)
    if rng.random() < 0.4:
        roof = half * (1.1, rng.uniform(0.5, 1.0), 1.1)
        c.add(
            Shape.FACETED, foot - [0.0, tall, 0.0], roof, c.material(depth), turn, form(rng.uniform(1.0, 1.5))
        )


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
        c.add_field(c.in_view(far * rng.uniform(0.6, 0.95), -0.2), half, tilt, far, SMOOTH + ROUGH)
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
        c.add_field(c.in_view(0.85 * far, -0.3), half, turn, 0.8 * far, ROUGH)
    for _ in range(int(clutter * rng.integers(3, 9))):
        depth = c.log_uniform(near, 0.8 * far)
        foot = c.in_view(depth, 0.1)
        size = c.size(depth, 0.25, 0.9)
        if rng.random() < 0.6:
            foot[1] = eye
        else:
            foot[1] += 0.5 * size
        c.pick(THIN)(c, foot, size, depth)
    for _ in range(int(rng.integers(0, 4))):
        wire(c, c.log_uniform(near, 0.7 * far))
    for _ in range(int(clutter * rng.integers(2, 14))):
        depth = c.log_uniform(near, 0.8 * far)
        span = c.size(depth, 0.1, 0.8)
        start, along = c.in_view(depth), rng.standard_normal(3)
        end = start + span * along / np.linalg.norm(along)
        c.rod(start, end, 0.5 * c.pixels(depth, 1.0, 7.0), c.material(depth))
    c.drop_nearer_than(0.5)
