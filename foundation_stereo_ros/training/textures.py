# SPDX-License-Identifier: Apache-2.0
"""Colours of surface points. They are functions of the point alone, so that both views see the same surface.

The grain is noise in octaves below an absolute scale that follows the point's depth (equal in both views of
a rectified
pair): its finest wave is a few pixels wide at any distance. Patterns finer than the pixels fade to their
mean.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foundation_stereo_ros.training.hits import Hits
from foundation_stereo_ros.training.materials import Column, Pattern
from foundation_stereo_ros.training.noise import cell_random, lattice_noise

_OCTAVES = 5
_TEXT_CELLS = (5.0, 7.0)


def albedo(hits: Hits, footprint: Tensor) -> Tensor:
    """Return colours.

    Args:
        hits: N surface points in B scenes.
        footprint: B x N, metres that a pixel spans at the point's depth.

    Returns:
        B x 3 x N in 0..1.
    """
    m = hits.material
    grain = _grain(hits, footprint)
    pattern, tint = _pattern(hits.uv, hits.local, m, grain[:, 3], footprint)
    first, second = m[:, 1:4], m[:, 4:7]
    color = first + (second - first) * pattern[:, None]
    color = color * (1.0 + tint)
    grey, tone = grain[:, :1], grain[:, :3]
    chroma = m[:, Column.CHROMA, None]
    strength = m[:, Column.GRAIN, None]
    speckle = grey + chroma * (tone - grey)
    color = color * (1.0 + strength * speckle) + 0.12 * strength * speckle
    return color.clamp(0.0, 1.0)


def _grain(hits: Hits, footprint: Tensor) -> Tensor:
    """Return B x 4 x N noise, about -1..1."""
    m = hits.material
    level = -(footprint * 1.6).log2() - m[:, Column.FINEST]
    whole = level.floor()
    fade = level - whole
    stretch = torch.stack(
        [
            torch.ones_like(fade),
            m[:, Column.STRETCH].clamp(max=1.0),
            m[:, Column.STRETCH].reciprocal().clamp(max=1.0),
        ],
        dim=1,
    )
    place = hits.local * stretch
    offset = m[:, Column.OFFSET : Column.OFFSET + 3]
    total = torch.zeros_like(m[:, :4])
    weight, square = torch.ones_like(fade), torch.zeros_like(fade)
    for octave in range(_OCTAVES):
        # the finest octave grows from nothing and the coarsest shrinks to nothing while the level passes a
        # whole number
        share = weight * (fade if octave == 0 else 1.0 - fade if octave == _OCTAVES - 1 else 1.0)
        scale = torch.exp2(whole - octave)
        value = (
            lattice_noise(place * scale[:, None] + offset + 17.3 * (whole - octave)[:, None]) * share[:, None]
        )
        total = total + value
        square = square + share * share
        # walking to coarser octaves: rough surfaces keep most of their contrast in the fine ones
        weight = weight / m[:, Column.ROUGHNESS].clamp(min=0.3)
    return total * (1.6 * torch.rsqrt(square + 1e-6))[:, None]


def _pattern(uv: Tensor, local: Tensor, m: Tensor, bend: Tensor, footprint: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share of colour B, B x N, and colour factors for each cell, B x 3 x N."""
    cosine, sine = m[:, Column.COSINE], m[:, Column.SINE]
    frequency = m[:, Column.FREQUENCY_U], m[:, Column.FREQUENCY_V]
    warp = m[:, Column.WARP] * bend
    u = (cosine * uv[:, 0] - sine * uv[:, 1]) * frequency[0] + warp
    v = (sine * uv[:, 0] + cosine * uv[:, 1]) * frequency[1] + warp
    kind, duty = m[:, Column.PATTERN], m[:, Column.DUTY]
    row = v.floor()
    shifted = torch.where(kind == Pattern.BRICKS.value, u + 0.5 * torch.remainder(row, 2.0), u)
    column = shifted.floor()
    fu, fv = shifted - column, v - row
    chance = cell_random(column, row)
    values = {
        Pattern.CHECKER.value: torch.remainder(column + row, 2.0),
        Pattern.STRIPES.value: (fu < duty).to(u.dtype),
        Pattern.BRICKS.value: ((fu < 0.1) | (fv < 0.15)).to(u.dtype),
        Pattern.DOTS.value: _dots(fu, fv, chance, duty),
        Pattern.MOSAIC.value: chance[:, 0],
        Pattern.TEXT.value: _text(u, v),
        Pattern.WOOD.value: _wood(local, frequency, bend),
        Pattern.MARBLE.value: 0.5 + 0.5 * (3.0 * u + 3.0 * bend).sin(),
        Pattern.GRADIENT.value: 0.5 + 0.25 * ((0.7 * u).sin() + (0.9 * v + 1.0).sin()),
        Pattern.GRID.value: ((fu < 0.12) | (fv < 0.12)).to(u.dtype),
        Pattern.BLOTCHES.value: ((bend - 0.8 * duty + 0.2) * 6.0 + 0.5).clamp(0.0, 1.0),
        Pattern.PLAID.value: 0.5 * (fu < duty)
        + 0.3 * (fv < duty)
        + 0.2 * (torch.remainder(3.1 * u, 1.0) < 0.3),
    }
    result = torch.zeros_like(u)
    for pattern, value in values.items():
        result = torch.where(kind == pattern, value, result)
    fine = (
        torch.maximum(frequency[0], frequency[1])
        * footprint
        * torch.where(kind == Pattern.TEXT.value, 6.0, 1.0)
    )
    kept = (2.0 - 3.5 * fine).clamp(0.0, 1.0)
    celled = (kind != Pattern.TEXT.value) & (kind != Pattern.WOOD.value) & (kind != Pattern.MARBLE.value)
    celled &= (
        (kind != Pattern.GRADIENT.value) & (kind != Pattern.BLOTCHES.value) & (kind != Pattern.FLAT.value)
    )
    jitter = (m[:, Column.TINT] * kept * celled)[:, None] * (chance[:, 1:] - 0.5)
    return 0.4 + (result - 0.4) * kept, jitter * 1.4


def _dots(fu: Tensor, fv: Tensor, chance: Tensor, duty: Tensor) -> Tensor:
    du = fu - 0.5 + 0.3 * (chance[:, 1] - 0.5)
    dv = fv - 0.5 + 0.3 * (chance[:, 2] - 0.5)
    radius = 0.15 + 0.35 * duty * (0.5 + chance[:, 3])
    return (du * du + dv * dv < radius * radius).to(fu.dtype)


def _text(u: Tensor, v: Tensor) -> Tensor:
    """Lines of random glyphs of small cells, some words left out."""
    fine_u, fine_v = (u * _TEXT_CELLS[0]).floor(), (v * _TEXT_CELLS[1]).floor()
    line, word = (fine_v / 7.0).floor(), (fine_u / 5.0).floor()
    ink = cell_random(fine_u + 131.0 * line, fine_v)[:, 0] > 0.45
    written = cell_random(word, line)[:, 1] > 0.2
    spaced = (torch.remainder(fine_v, 7.0) < 5.0) & (torch.remainder(fine_u, 5.0) < 4.0)
    return (ink & written & spaced).to(u.dtype)


def _wood(local: Tensor, frequency: tuple[Tensor, Tensor], bend: Tensor) -> Tensor:
    x, y, z = local.unbind(1)
    ring = ((x + 0.2 * y).square() + (z + 0.13 * y).square() + 1e-12).sqrt() * frequency[0]
    wave = 0.5 + 0.5 * (5.0 * ring + 1.2 * bend).sin()
    return wave * wave
