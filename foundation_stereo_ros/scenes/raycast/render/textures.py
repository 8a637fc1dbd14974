# SPDX-License-Identifier: Apache-2.0
"""Colours of surface points. They are functions of the point alone, so that both views see the same surface.

The grain is noise in octaves below an absolute scale that follows the point's depth (equal in both views of a
rectified pair): its finest wave is a few pixels wide at any distance. Patterns finer than the pixels fade to
their mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.materials import Column, Pattern
from foundation_stereo_ros.scenes.raycast.render.hits import Hits

_SIZE = 64
_HASH = 4096
_TEXT_CELLS = (5.0, 7.0)
_GLYPH = 6.0  # cells of a glyph are finer than those of other patterns by about this
_SHIFTED = (Pattern.BRICKS, Pattern.PEBBLES)  # every second row is half a cell further on
_TINTED = (
    Pattern.CHECKER,
    Pattern.STRIPES,
    Pattern.BRICKS,
    Pattern.DOTS,
    Pattern.MOSAIC,
    Pattern.GRID,
    Pattern.PLAID,
    Pattern.PEBBLES,
    Pattern.WINDOWS,
)
_OCTAVES = 5
_FINEST = 1.0e-6  # metres; nothing is seen from nearer, but for a camera behind a wall


@lru_cache(maxsize=4)
def _volume(device: torch.device) -> Tensor:
    values = np.random.default_rng(20_240_501).uniform(-1.0, 1.0, (4, _SIZE, _SIZE, _SIZE))
    values = np.pad(values, [(0, 0), (0, 1), (0, 1), (0, 1)], mode="wrap")  # it repeats without a seam
    return torch.from_numpy(values[None].astype(np.float32)).to(device)


@lru_cache(maxsize=4)
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(20_240_502)
    shuffled = torch.from_numpy(rng.permutation(_HASH))
    return shuffled.to(device), torch.from_numpy(rng.random((_HASH, 4), dtype=np.float32)).to(device)


def lattice_noise(point: Tensor) -> Tensor:
    """Return smooth noise, B x 4 x N in -1..1, at B x 3 x N points; it repeats every 64."""
    whole = point.floor()
    part = point - whole
    place = torch.remainder(whole, _SIZE) + part * part * (3.0 - 2.0 * part)
    grid = (place * (2.0 / _SIZE) - 1.0).transpose(1, 2)[:, :, None, None]
    volume = _volume(point.device).expand(len(point), -1, -1, -1, -1)
    return F.grid_sample(volume, grid, align_corners=True, padding_mode="border")[..., 0, 0]


def cell_random(u: Tensor, v: Tensor) -> Tensor:
    """Return four random numbers in 0..1 for each cell. u, v: B x N whole numbers; result: B x 4 x N."""
    shuffled, values = _tables(u.device)
    first = shuffled[torch.remainder(u, _HASH).long()]
    second = shuffled[torch.remainder(first + torch.remainder(v, _HASH).long(), _HASH)]
    return values[second].movedim(-1, 1)


@dataclass(frozen=True)
class Cells:
    """N points in B scenes, in the cells of their patterns.

    Attributes:
        u, v: B x N, cells.
        fu, fv: B x N, place in the cell, 0 to 1.
        column, row: B x N whole numbers of the cell.
        chance: B x 4 x N, 0 to 1, of the cell.
        duty: B x N, share of a cell that shows the second colour.
        bend: B x N noise, about -1 to 1.
        local: B x 3 x N, metres in the surface's own axes.
        frequency: B x N, cells per metre.
    """

    u: Tensor
    v: Tensor
    fu: Tensor
    fv: Tensor
    column: Tensor
    row: Tensor
    chance: Tensor
    duty: Tensor
    bend: Tensor
    local: Tensor
    frequency: Tensor


def pattern(uv: Tensor, local: Tensor, m: Tensor, bend: Tensor, footprint: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share of the second colour, B x N, and colour factors minus 1 for each cell, B x 3 x N.

    Args:
        uv: B x 2 x N, metres along the surface.
        local: B x 3 x N, metres in the surface's own axes.
        m: B x C x N, materials.
        bend: B x N noise that bends patterns.
        footprint: B x N, metres that a pixel spans; finer patterns fade to their mean.
    """
    kind = m[:, Column.PATTERN]
    cells = _cells(uv, local, m, bend)
    result = torch.zeros_like(bend)
    for each in _present(kind):
        result = torch.where(kind == each.value, _VALUES[each](cells), result)
    glyph = torch.where(kind == Pattern.TEXT.value, _GLYPH, 1.0)
    finest = torch.maximum(m[:, Column.FREQUENCY_U], m[:, Column.FREQUENCY_V]) * footprint * glyph
    kept = (2.0 - 3.5 * finest).clamp(0.0, 1.0)
    tinted = sum((kind == each.value).to(kept.dtype) for each in _TINTED)
    tint = (m[:, Column.TINT] * kept * tinted)[:, None] * (cells.chance[:, 1:] - 0.5)
    return 0.4 + (result - 0.4) * kept, tint * 1.4


def _present(kind: Tensor) -> list[Pattern]:
    if kind.device.type != "cpu":
        return list(_VALUES)
    return [each for each in map(Pattern, kind.unique().long().tolist()) if each in _VALUES]


def _cells(uv: Tensor, local: Tensor, m: Tensor, bend: Tensor) -> Cells:
    cosine, sine = m[:, Column.COSINE], m[:, Column.SINE]
    warp = m[:, Column.WARP] * bend
    u = (cosine * uv[:, 0] - sine * uv[:, 1]) * m[:, Column.FREQUENCY_U] + warp
    v = (sine * uv[:, 0] + cosine * uv[:, 1]) * m[:, Column.FREQUENCY_V] + warp
    row = v.floor()
    kind = m[:, Column.PATTERN]
    shifted = sum((kind == each.value).to(u.dtype) for each in _SHIFTED)
    u = u + 0.5 * shifted * torch.remainder(row, 2.0)
    column = u.floor()
    chance = cell_random(column, row)
    frequency = m[:, Column.FREQUENCY_U]
    return Cells(u, v, u - column, v - row, column, row, chance, m[:, Column.DUTY], bend, local, frequency)


def _number(where: Tensor) -> Tensor:
    return where.to(torch.float32)


def _dots(c: Cells) -> Tensor:
    du = c.fu - 0.5 + 0.3 * (c.chance[:, 1] - 0.5)
    dv = c.fv - 0.5 + 0.3 * (c.chance[:, 2] - 0.5)
    radius = 0.15 + 0.35 * c.duty * (0.5 + c.chance[:, 3])
    return _number(du * du + dv * dv < radius * radius)


def _text(c: Cells) -> Tensor:
    """Lines of random glyphs of small cells, some words left out."""
    fine_u, fine_v = (c.u * _TEXT_CELLS[0]).floor(), (c.v * _TEXT_CELLS[1]).floor()
    line, word = (fine_v / 7.0).floor(), (fine_u / 5.0).floor()
    ink = cell_random(fine_u + 131.0 * line, fine_v)[:, 0] > 0.45
    written = cell_random(word, line)[:, 1] > 0.2
    spaced = (torch.remainder(fine_v, 7.0) < 5.0) & (torch.remainder(fine_u, 5.0) < 4.0)
    return _number(ink & written & spaced)


def _wood(c: Cells) -> Tensor:
    x, y, z = c.local.unbind(1)
    ring = ((x + 0.2 * y).square() + (z + 0.13 * y).square() + 1e-12).sqrt() * c.frequency
    wave = 0.5 + 0.5 * (5.0 * ring + 1.2 * c.bend).sin()
    return wave * wave


def _plaid(c: Cells) -> Tensor:
    narrow = torch.remainder(3.1 * c.u, 1.0) < 0.3
    return 0.5 * _number(c.fu < c.duty) + 0.3 * _number(c.fv < c.duty) + 0.2 * _number(narrow)


def _pebbles(c: Cells) -> Tensor:
    """Rounded stones of all greys, dark between them."""
    du = (c.fu - 0.5) * (1.0 + 0.4 * c.chance[:, 1]) + 0.06 * c.bend
    dv = (c.fv - 0.5) * (1.0 + 0.4 * c.chance[:, 2]) + 0.06 * c.bend
    inside = (1.0 - 4.2 * (du * du + dv * dv)).clamp(min=0.0)
    return inside.sqrt() * (0.35 + 0.65 * c.chance[:, 0])


def _arcs(c: Cells) -> Tensor:
    """Quarter circles that join into winding lines (Truchet's tiles)."""
    fu = torch.where(c.chance[:, 0] < 0.5, c.fu, 1.0 - c.fu)
    one, other = (fu.square() + c.fv.square()).sqrt(), ((1.0 - fu).square() + (1.0 - c.fv).square()).sqrt()
    return _number(torch.minimum((one - 0.5).abs(), (other - 0.5).abs()) < 0.05 + 0.25 * c.duty)


def _windows(c: Cells) -> Tensor:
    glass = (c.fu > 0.22) & (c.fu < 0.78) & (c.fv > 0.18) & (c.fv < 0.74)
    return _number(glass) * (0.6 + 0.4 * c.chance[:, 0])


_VALUES: dict[Pattern, Callable[[Cells], Tensor]] = {
    Pattern.CHECKER: lambda c: torch.remainder(c.column + c.row, 2.0),
    Pattern.STRIPES: lambda c: _number(c.fu < c.duty),
    Pattern.BRICKS: lambda c: _number((c.fu < 0.1) | (c.fv < 0.15)),
    Pattern.DOTS: _dots,
    Pattern.MOSAIC: lambda c: c.chance[:, 0],
    Pattern.TEXT: _text,
    Pattern.WOOD: _wood,
    Pattern.MARBLE: lambda c: 0.5 + 0.5 * (3.0 * c.u + 3.0 * c.bend).sin(),
    Pattern.GRADIENT: lambda c: 0.5 + 0.25 * ((0.7 * c.u).sin() + (0.9 * c.v + 1.0).sin()),
    Pattern.GRID: lambda c: _number((c.fu < 0.12) | (c.fv < 0.12)),
    Pattern.BLOTCHES: lambda c: ((c.bend - 0.8 * c.duty + 0.2) * 6.0 + 0.5).clamp(0.0, 1.0),
    Pattern.PLAID: _plaid,
    Pattern.PEBBLES: _pebbles,
    Pattern.ARCS: _arcs,
    Pattern.WINDOWS: _windows,
    Pattern.WEAVE: lambda c: 0.5 + 0.25 * ((6.2832 * c.u).sin() + (6.2832 * c.v).sin()),
    Pattern.VEINS: lambda c: 1.0 - (c.bend.abs() * 9.0).clamp(max=1.0),
}


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
    share, tint = pattern(hits.uv, hits.local, m, grain[:, 3], footprint)
    first, second = m[:, 1:4], m[:, 4:7]
    color = first + (second - first) * share[:, None]
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
    level = -(footprint * 1.6).clamp(min=_FINEST).log2() - m[:, Column.FINEST]
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
