# SPDX-License-Identifier: Apache-2.0
"""Colours of surface points. They are functions of the point alone, so that both views see the same surface.

The grain is noise in octaves below an absolute scale that follows the point's depth (equal in both views of a
rectified pair): its finest wave is a few pixels wide at any distance. Patterns finer than the pixels fade to
their mean.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.materials import Column
from foundation_stereo_ros.scenes.raycast.render.hits import Hits
from foundation_stereo_ros.scenes.raycast.render.noise import lattice_noise
from foundation_stereo_ros.scenes.raycast.render.patterns import pattern

_OCTAVES = 5

_FINEST = 1.0e-6  # metres; nothing is seen from nearer, but for a camera behind a wall


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
