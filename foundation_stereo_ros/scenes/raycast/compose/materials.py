# SPDX-License-Identifier: Apache-2.0
"""Random materials: a row of numbers each, which `textures` turns into colours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from foundation_stereo_ros.scenes.raycast.compose.world import Vector


class Pattern(IntEnum):
    """What is printed on a surface, below its grain."""

    FLAT = 0
    CHECKER = 1
    STRIPES = 2
    BRICKS = 3
    DOTS = 4
    MOSAIC = 5
    TEXT = 6
    WOOD = 7
    MARBLE = 8
    GRADIENT = 9
    GRID = 10
    BLOTCHES = 11
    PLAID = 12
    PEBBLES = 13
    ARCS = 14
    WINDOWS = 15
    WEAVE = 16
    VEINS = 17


class Column:
    """Where each number of a material stands in its row."""

    PATTERN = 0
    COLOR_A = 1  # and 2, 3: red green blue, 0..1
    COLOR_B = 4  # and 5, 6
    FREQUENCY_U = 7  # cells per metre
    FREQUENCY_V = 8
    COSINE = 9  # of the pattern's turn on the surface
    SINE = 10
    DUTY = 11  # share of a cell that shows colour B
    GRAIN = 12  # contrast of the noise
    FINEST = 13  # its shortest wavelength: log2 of multiples of about three pixels
    ROUGHNESS = 14  # factor from an octave to the next finer one
    CHROMA = 15  # colour share of the noise
    WARP = 16  # how far noise bends the pattern, cells
    TINT = 17  # colour differences between cells
    SPECULAR = 18
    SHININESS = 19
    OFFSET = 20  # and 21, 22: where in the noise this surface lies
    STRETCH = 23  # of the noise along the surface's y axis
    GLOW = 24  # 1: shines by itself (sky, lamps)
    MIRROR = 25  # share of what it shows that is reflected from other surfaces
    THROUGH = 26  # share that comes from behind it
    POLISH = 27  # strength of the surroundings' blurred reflection


COLUMNS = 28
# how often there is each `Pattern`, in their order
_WEIGHTS = (5.0, 0.7, 1.0, 1.0, 0.7, 1.8, 1.2, 1.5, 1.5, 1.5, 0.6, 1.8, 0.7, 0.9, 0.4, 0.4, 0.5, 0.8)
_PATTERNS, _CHANCES = np.arange(len(Pattern), dtype=np.float64), np.array(_WEIGHTS) / sum(_WEIGHTS)


def random_color(rng: np.random.Generator, saturation: float = 1.0) -> Vector:
    """Return red green blue, 0..1: any hue, more often pale than vivid, more often dark than white."""
    hue = rng.random() * 6.0
    full = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0, 0.0, 1.0)
    amount = saturation * rng.random() ** 2.2
    value = 0.06 + 0.9 * rng.random() ** 0.9
    return np.asarray(value * (1.0 - amount * (1.0 - full)))


@dataclass(frozen=True)
class Style:
    """What the materials of one scene have in common.

    Attributes:
        plain: chance that a material has hardly any texture.
        vivid: factor on how far colours are from grey.
        grain: factor on the contrast of the noise.
        gloss: chance of highlights.
    """

    plain: float = 0.1
    vivid: float = 1.0
    grain: float = 1.0
    gloss: float = 0.25


def random_material(
    rng: np.random.Generator, meters_per_pixel: float, style: Style | None = None, plain: float | None = None
) -> Vector:
    """Return a material whose pattern fits what the camera sees.

    Args:
        rng: where chance comes from.
        meters_per_pixel: size of a pixel on the surface; cells become 3 to 60 times as large.
        style: of the scene.
        plain: chance that there is hardly any texture; None: that of the style.

    Returns:
        `COLUMNS` numbers.
    """
    style = style or Style()
    row = np.zeros(COLUMNS)
    pattern = rng.choice(_PATTERNS, p=_CHANCES)
    first = random_color(rng, style.vivid)
    second = random_color(rng, style.vivid) if rng.random() < 0.7 else first * rng.uniform(0.4, 1.6)
    cell = meters_per_pixel * np.exp(rng.uniform(np.log(3.0), np.log(60.0)))
    if pattern == Pattern.TEXT:  # a glyph is a block of small cells
        cell = max(cell * 0.4, 2.2 * meters_per_pixel)
    elif pattern in (Pattern.WOOD, Pattern.MARBLE, Pattern.GRADIENT):
        cell *= 2.5
    angle = 0.0 if rng.random() < 0.6 else rng.uniform(-np.pi, np.pi)
    row[Column.PATTERN] = pattern
    row[1:4], row[4:7] = first, np.clip(second, 0.0, 1.0)
    row[7:9] = 1.0 / cell, 1.0 / (cell * np.exp(rng.uniform(-0.7, 0.7)))
    row[9:11] = np.cos(angle), np.sin(angle)
    row[Column.DUTY] = rng.uniform(0.15, 0.6)
    _add_grain(row, rng, style)
    _add_gloss(row, rng, style.gloss)
    if rng.random() < (style.plain if plain is None else plain):
        smooth(row, rng)
    return row


def smooth(row: Vector, rng: np.random.Generator) -> None:
    """Take nearly all texture from a material."""
    row[Column.PATTERN] = Pattern.FLAT if rng.random() < 0.7 else Pattern.GRADIENT
    row[Column.GRAIN] = 0.03 * rng.random()


def _add_grain(row: Vector, rng: np.random.Generator, style: Style) -> None:
    row[Column.GRAIN] = style.grain * 0.75 * rng.random() ** 1.8 + 0.04
    row[Column.FINEST] = 0.0 if rng.random() < 0.7 else rng.uniform(0.0, 3.0)
    row[Column.ROUGHNESS] = rng.uniform(0.75, 1.7)
    row[Column.CHROMA] = min(style.vivid, 1.0) * 0.8 * rng.random() ** 3
    row[Column.WARP] = rng.uniform(0.0, 0.6) * (rng.random() < 0.4)
    row[Column.TINT] = rng.random() * (rng.random() < 0.6)
    row[20:23] = rng.uniform(0.0, 64.0, 3)
    row[Column.STRETCH] = 1.0 if rng.random() < 0.7 else np.exp(rng.uniform(-2.0, 2.0))


def _add_gloss(row: Vector, rng: np.random.Generator, chance: float) -> None:
    glossy, polished = rng.random() < chance, rng.random() < 0.4
    strength, sharpness = rng.uniform(0.05, 0.6), np.exp(rng.uniform(np.log(5.0), np.log(80.0)))
    polish = rng.uniform(0.1, 0.6)
    if glossy:
        row[Column.SPECULAR], row[Column.SHININESS] = strength, sharpness
        row[Column.POLISH] = polish * polished
