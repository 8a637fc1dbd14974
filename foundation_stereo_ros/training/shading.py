# SPDX-License-Identifier: Apache-2.0
"""Light on surface points: ambient, Lambert, a highlight, and soft patches of light that lie on the
surfaces."""

from __future__ import annotations

import torch
from torch import Tensor

from foundation_stereo_ros.training.hits import Hits
from foundation_stereo_ros.training.materials import Column
from foundation_stereo_ros.training.noise import lattice_noise
from foundation_stereo_ros.training.scene_tensors import SceneBatch


def shade(scene: SceneBatch, hits: Hits, color: Tensor, directions: Tensor) -> Tensor:
    """Return what a camera receives. color, directions: B x 3 x N; result: B x 3 x N, 0 and up."""
    light = scene.light
    position, ambient = light[:, :3, None], light[:, 3, None]
    towards = position - hits.point
    towards = towards * torch.rsqrt((towards * towards).sum(1, keepdim=True) + 1e-12)
    facing = (hits.normal * towards).sum(1)
    # ceilings and far sides are not black: some light wraps around
    diffuse = (0.25 * facing + 0.75 * facing.clamp(min=0.0)).clamp(min=-0.1)
    world = torch.bmm(scene.view, hits.point) * light[:, 5, None, None]
    patches = 1.0 + light[:, 4, None] * (lattice_noise(world)[:, 0] * 3.0).clamp(-1.0, 1.0)
    direct = (1.0 - ambient) * diffuse * patches
    viewer = -directions * torch.rsqrt((directions * directions).sum(1, keepdim=True))
    between = towards + viewer
    between = between * torch.rsqrt((between * between).sum(1, keepdim=True) + 1e-12)
    gloss = (hits.normal * between).sum(1).clamp(min=1e-4) ** hits.material[:, Column.SHININESS].clamp(
        min=1.0
    )
    highlight = hits.material[:, Column.SPECULAR] * gloss
    tint = light[:, 6:9, None]
    lit = color * ((ambient + direct)[:, None] * tint) + (highlight * (facing > 0))[:, None] * tint
    glow = hits.material[:, Column.GLOW, None]
    return torch.lerp(lit, color * 1.2, glow).clamp(min=0.0)
