# SPDX-License-Identifier: Apache-2.0
"""What lies over a filled scene: the lamp, haze, projected dots; mirrors, panes and wires; texture that
repeats exactly or is missing."""

from __future__ import annotations

import dataclasses

import numpy as np

from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.materials import Column, Pattern, smooth
from foundation_stereo_ros.scenes.raycast.compose.thin import wire
from foundation_stereo_ros.scenes.raycast.compose.world import Dots, Fog, Light, Shape, rotation
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.seeds import Ingredient, ingredient

_REPEATING = (Pattern.CHECKER, Pattern.STRIPES, Pattern.BRICKS, Pattern.GRID, Pattern.PLAID, Pattern.WEAVE)


def finish(c: Composer, config: SceneConfig, seed: int, nearest: float, open_air: bool) -> None:
    """Add to a filled scene what the configuration's chances want; nothing of it comes nearer than a
    depth."""
    _textures(c, config, seed)
    _wires(c, config, seed, nearest)
    _mirrors(c, config, seed)
    _panes(c, config, seed, nearest)
    c.world.light = lamp(c, ingredient(seed, Ingredient.LIGHT), config.shadow_chance, nearest, open_air)
    rng = ingredient(seed, Ingredient.FOG)
    if rng.random() < config.fog_chance:
        thickness = nearest * np.exp(rng.uniform(np.log(3.0), np.log(40.0)))
        c.world.fog = Fog(1.0 / thickness, rng.uniform(0.4, 0.9) * (1.0 + 0.05 * rng.standard_normal(3)))
    rng = ingredient(seed, Ingredient.DOTS)
    if rng.random() < config.dots_chance:
        _project(c, rng, nearest)


def lamp(
    c: Composer, rng: np.random.Generator, shadow_chance: float, nearest: float, open_air: bool
) -> Light:
    """Return a lamp above or behind the camera: the sun, a lamp in the room, or one beside the camera."""
    towards = rng.standard_normal(3) * (1.0, 0.5, 1.0) + (0.0, -1.0, -0.7)
    far = np.exp(rng.uniform(3.0, 5.0) if open_air else rng.uniform(0.3, 4.0))
    position = towards / np.linalg.norm(towards) * far
    near = not open_air and rng.random() < 0.5
    if near:  # somewhere above what is seen, and brighter close by
        position = c.in_view(nearest * rng.uniform(0.3, 2.0), 0.3)
        position[1] -= nearest * rng.uniform(0.3, 1.2)
    distance = float(np.linalg.norm(position - c.world.position))
    reach = nearest * rng.uniform(1.2, 3.0) * near
    size = distance * rng.uniform(0.005, 0.12) * (rng.random() < 0.65)
    mottle = rng.uniform(0.0, 0.7) * (rng.random() < 0.3)
    return Light(
        position=position,
        ambient=rng.uniform(0.2, 0.7),
        mottle=mottle,
        mottle_frequency=float(np.exp(rng.uniform(-0.5, 2.0))),
        tint=1.0 + 0.06 * rng.standard_normal(3),
        size=size,
        reach=reach,
        shadows=bool(rng.random() < shadow_chance),
    )


def _project(c: Composer, rng: np.random.Generator, nearest: float) -> None:
    """Light the scene as infrared cameras do: little but the dots."""
    spacing = rng.uniform(4.0, 11.0)  # pixels from dot to dot
    c.world.dots = Dots(
        strength=rng.uniform(0.4, 1.6),
        frequency=c.focal / spacing,
        radius=min(rng.uniform(0.7, 1.2) / spacing, 0.2),
        reach=nearest * rng.uniform(1.0, 6.0),
    )
    light = c.world.light
    c.world.light = dataclasses.replace(light, ambient=light.ambient * rng.uniform(0.3, 1.0))


def _textures(c: Composer, config: SceneConfig, seed: int) -> None:
    rng = ingredient(seed, Ingredient.TEXTURE)
    regular, bare = rng.random() < config.regular_chance, rng.random() < config.bare_chance
    for row in c.world.materials:
        draw, pattern, tile = rng.random(2), rng.integers(len(_REPEATING)), rng.random()
        if row[Column.GLOW] > 0:
            continue
        if regular and draw[0] < 0.7:
            row[Column.PATTERN] = _REPEATING[int(pattern)]
            row[Column.GRAIN] *= 0.15 * tile
            row[Column.WARP] = row[Column.TINT] = 0.0
        if bare and draw[1] < 0.8:
            smooth(row, rng)


def _mirrors(c: Composer, config: SceneConfig, seed: int) -> None:
    rng = ingredient(seed, Ingredient.MIRRORS)
    if rng.random() >= config.mirror_chance:
        return
    for row in c.world.materials:
        if row[Column.GLOW] == 0 and rng.random() < 0.25:
            row[Column.MIRROR] = rng.uniform(0.15, 0.85)
            row[Column.GRAIN] *= 0.3


def _panes(c: Composer, config: SceneConfig, seed: int, nearest: float) -> None:
    """Stand up to two panes in the scene, each in a frame; dust, tint and gloss tell that they are there."""
    c.rng = rng = ingredient(seed, Ingredient.PANES)
    if rng.random() >= config.pane_chance:
        return
    for _ in range(int(rng.integers(1, 3))):
        depth = nearest * rng.uniform(1.3, 3.0)
        half = np.array([c.size(depth, 0.15, 0.5), c.size(depth, 0.15, 0.5), 1e-3])
        turn = rotation(rng.uniform(-0.9, 0.9), rng.uniform(-0.3, 0.3), 0.1 * rng.standard_normal())
        turn, center = c.world.view @ turn, c.in_view(depth)
        glass, frame = c.material(depth), c.material(depth, plain=0.7)
        row = c.world.materials[glass]
        row[Column.THROUGH], row[Column.POLISH] = rng.uniform(0.3, 0.8), rng.uniform(0.1, 0.5)
        before = len(c.world.primitives)
        c.add(Shape.PANE, center, half, glass, turn)
        beam = rng.uniform(0.01, 0.04) * half[0]
        for axis in (0, 1):
            for side in (-1.0, 1.0):
                place, size = np.zeros(3), np.full(3, beam)
                place[axis], size[1 - axis] = side * half[axis], half[1 - axis] + beam
                c.add(Shape.BOX, center + turn @ place, size, frame, turn)
        c.keep_beyond(nearest, before)


def _wires(c: Composer, config: SceneConfig, seed: int, nearest: float) -> None:
    c.rng = rng = ingredient(seed, Ingredient.WIRES)
    if rng.random() >= config.wire_chance:
        return
    before = len(c.world.primitives)
    for _ in range(int(rng.integers(1, 6))):
        wire(c, nearest * rng.uniform(1.5, 5.0))
    c.keep_beyond(nearest, before)
