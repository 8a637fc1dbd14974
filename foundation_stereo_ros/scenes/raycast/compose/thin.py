# SPDX-License-Identifier: Apache-2.0
"""Thin things: wires, rods, meshes, branches, frames. Most stand at a point on the floor, as in `objects`."""

from __future__ import annotations

import itertools

import numpy as np

from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.world import Shape, Vector, form, rotation

_SAG_PIECES = 7


def wire(c: Composer, depth: float) -> None:
    """A cable across the picture, straight or sagging, one to four pixels thick."""
    rng = c.rng
    u, v = rng.uniform(-0.2, 1.2, 2) * c.width, rng.uniform(-0.1, 1.1, 2) * c.height
    if rng.random() < 0.6:  # from side to side
        u = np.array([-0.1, 1.1]) * c.width
    depths = depth * np.exp(rng.uniform(-0.35, 0.35, 2))
    ends = np.stack([(u - c.cx) / c.focal, (v - c.cy) / c.focal, np.ones(2)], axis=1) * depths[:, None]
    ends = ends @ c.world.view.T + c.world.position
    radius, material = 0.5 * c.pixels(depth, 1.0, 4.0), c.material(depth, plain=0.7)
    pieces = _SAG_PIECES if rng.random() < 0.6 else 1
    sag = rng.uniform(0.02, 0.15) * np.linalg.norm(ends[1] - ends[0]) * (pieces > 1)
    place = np.linspace(0.0, 1.0, pieces + 1)[:, None]
    points = ends[0] + place * (ends[1] - ends[0]) + sag * 4.0 * place * (1.0 - place) * (0.0, 1.0, 0.0)
    for start, end in itertools.pairwise(points):
        c.rod(start, end, radius, material)


def mesh(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A grating or a wire mesh in a frame, with thin or broad bars."""
    yaw = rotation(c.rng.uniform(-1.0, 1.0))
    wide = size * c.rng.uniform(0.5, 1.5)
    cells = float(c.rng.integers(3, 16))
    share = c.rng.uniform(0.06, 0.25)
    middle = foot - [0.0, 0.5 * size, 0.0]
    bars = (cells * wide / (0.5 * size), share, cells, share, 0.0)
    material = c.material(depth, plain=0.5)
    c.add(Shape.CARD, middle, (wide, 0.5 * size, 1e-3), material, yaw, extra=bars)
    beam = 0.02 * size
    for side in (-1, 1):
        c.add(Shape.BOX, middle + yaw @ [side * wide, 0, 0], (beam, 0.5 * size, beam), material, yaw)
        c.add(Shape.BOX, middle - [0, -0.5 * side * size, 0], (wide, beam, beam), material, yaw)


def ladder(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Two rails and rungs, leaning."""
    turn = rotation(c.rng.uniform(-1.2, 1.2), c.rng.uniform(-0.35, 0.35))
    material, radius, wide = c.material(depth), 0.02 * size, 0.16 * size
    for side in (-1, 1):
        c.rod(foot + turn @ [side * wide, 0, 0], foot + turn @ [side * wide, -size, 0], radius, material)
    for rung in range(1, 7):
        up = -size * rung / 7.0
        c.rod(foot + turn @ [-wide, up, 0], foot + turn @ [wide, up, 0], 0.8 * radius, material)


def tripod(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """Three legs and what they carry."""
    material, radius = c.material(depth, plain=0.5), size * c.rng.uniform(0.008, 0.02)
    top = foot - [0.0, size, 0.0]
    for angle in c.rng.uniform(0, 2 * np.pi) + np.arange(3) * 2 * np.pi / 3:
        c.rod(top, foot + 0.35 * size * np.array([np.cos(angle), 0.0, np.sin(angle)]), radius, material)
    c.add(Shape.BOX, top, 0.08 * size * c.rng.uniform(0.5, 1.5, 3), c.material(depth), c.any_turn())


def tree(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A trunk that branches twice, bare or with leaves."""
    rng, bark = c.rng, c.material(depth)
    top = foot + 0.5 * size * np.array([0.15 * rng.standard_normal(), -1.0, 0.15 * rng.standard_normal()])
    radius = size * rng.uniform(0.012, 0.035)
    c.rod(foot, top, radius, bark)
    leaves = c.material(depth, plain=0.0) if rng.random() < 0.6 else None
    for _ in range(int(rng.integers(3, 6))):
        limb = top + size * 0.35 * np.array([rng.uniform(-1, 1), -rng.random(), rng.uniform(-1, 1)])
        c.rod(foot + rng.uniform(0.6, 1.0) * (top - foot), limb, 0.6 * radius, bark)
        for _ in range(int(rng.integers(1, 4))):
            twig = limb + size * 0.2 * np.array([rng.uniform(-1, 1), -rng.random(), rng.uniform(-1, 1)])
            c.rod(limb, twig, 0.3 * radius, bark)
        if leaves is not None:
            holes = form(cut=-float(rng.integers(4, 9)))
            c.add(Shape.CARD, limb, (0.2 * size, 0.2 * size, 1e-3), leaves, c.any_turn(), holes)


def cage(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """The edges of a box: a frame of rods."""
    half = 0.5 * size * c.rng.uniform(0.4, 1.0, 3)
    yaw = rotation(c.rng.uniform(-np.pi, np.pi))
    middle, material = foot - [0.0, half[1], 0.0], c.material(depth)
    radius = size * c.rng.uniform(0.008, 0.03)
    for axis in range(3):
        for one, other in itertools.product((-1.0, 1.0), repeat=2):
            corner = np.insert(np.array([one, other]), axis, -1.0) * half
            end = corner.copy()
            end[axis] = half[axis]
            c.rod(middle + yaw @ corner, middle + yaw @ end, radius, material)


def sticks(c: Composer, foot: Vector, size: float, depth: float) -> None:
    """A bunch of stalks, brushes or pencils."""
    material = c.material(depth)
    for _ in range(int(c.rng.integers(4, 12))):
        spread = 0.3 * size * c.rng.standard_normal(3) * (1.0, 0.0, 1.0)
        tall = size * c.rng.uniform(0.5, 1.2)
        radius = size * c.rng.uniform(0.006, 0.025)
        c.rod(foot + 0.3 * spread, foot + spread - [0.0, tall, 0.0], radius, material)


THIN = (mesh, ladder, tripod, tree, cage, sticks)
