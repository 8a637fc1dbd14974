# SPDX-License-Identifier: Apache-2.0
"""Random materials: a row of numbers each, which `textures` turns into colours."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from foundation_stereo_ros.training.primitives import Vector


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


COLUMNS = 25
_WEIGHTS = {
    Pattern.FLAT: 5.0,
    Pattern.CHECKER: 0.7,
    Pattern.STRIPES: 1.0,
    Pattern.BRICKS: 1.0,
    Pattern.DOTS: 0.7,
    Pattern.MOSAIC: 1.8,
    Pattern.TEXT: 1.2,
    Pattern.WOOD: 1.5,
    Pattern.MARBLE: 1.5,
    Pattern.GRADIENT: 1.5,
    Pattern.GRID: 0.6,
    Pattern.BLOTCHES: 1.8,
    Pattern.PLAID: 0.7,
}
_PATTERNS = np.array(list(_WEIGHTS), dtype=np.float64)
_CHANCES = np.array(list(_WEIGHTS.values())) / sum(_WEIGHTS.values())


def random_color(rng: np.random.Generator, saturation: float = 1.0) -> Vector:
    """Return red green blue, 0..1: any hue, more often pale than vivid, more often dark than white."""
    hue = rng.random() * 6.0
    full = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0, 0.0, 1.0)
    amount = saturation * rng.random() ** 2.2
    value = 0.06 + 0.9 * rng.random() ** 0.9
    return np.asarray(value * (1.0 - amount * (1.0 - full)))


def random_material(rng: np.random.Generator, meters_per_pixel: float, plain: float = 0.0) -> Vector:
    """Return a material whose pattern fits what the camera sees.

    Args:
        rng: where chance comes from.
        meters_per_pixel: size of a pixel on the surface; cells become 3 to 60 times as large.
        plain: chance that there is hardly any texture.

    Returns:
        `COLUMNS` numbers.
    """
    row = np.zeros(COLUMNS)
    pattern = rng.choice(_PATTERNS, p=_CHANCES)
    first = random_color(rng)
    second = random_color(rng) if rng.random() < 0.7 else first * rng.uniform(0.4, 1.6)
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
    row[Column.GRAIN] = 0.75 * rng.random() ** 1.8 + 0.04
    row[Column.FINEST] = 0.0 if rng.random() < 0.7 else rng.uniform(0.0, 3.0)
    row[Column.ROUGHNESS] = rng.uniform(0.65, 1.3)
    row[Column.CHROMA] = rng.random() ** 2
    row[Column.WARP] = rng.uniform(0.0, 0.6) * (rng.random() < 0.4)
    row[Column.TINT] = rng.random() * (rng.random() < 0.6)
    if rng.random() < 0.25:
        row[18:20] = rng.uniform(0.05, 0.6), np.exp(rng.uniform(np.log(5.0), np.log(80.0)))
    row[20:23] = rng.uniform(0.0, 64.0, 3)
    row[Column.STRETCH] = 1.0 if rng.random() < 0.7 else np.exp(rng.uniform(-2.0, 2.0))
    if rng.random() < plain:
        row[Column.PATTERN] = Pattern.FLAT if rng.random() < 0.7 else Pattern.GRADIENT
        row[Column.GRAIN] = 0.03 * rng.random()
    return row
