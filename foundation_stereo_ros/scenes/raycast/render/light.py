# SPDX-License-Identifier: Apache-2.0
"""Light on surface points: from everywhere, from the lamp, a highlight, a gloss of the surroundings, and soft
patches of light that lie on the surfaces."""

from __future__ import annotations

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.materials import Column
from foundation_stereo_ros.scenes.raycast.render.dots import dot_light
from foundation_stereo_ros.scenes.raycast.render.hits import Hits
from foundation_stereo_ros.scenes.raycast.render.noise import lattice_noise
from foundation_stereo_ros.scenes.raycast.render.tensors import LightColumn, SceneBatch

_SKYLIGHT = 0.3  # how much more of the ambient light comes from above than from the side


def shade(scene: SceneBatch, hits: Hits, color: Tensor, directions: Tensor, lit: Tensor) -> Tensor:
    """Return what a camera receives.

    Args:
        scene: B scenes.
        hits: N surface points.
        color: B x 3 x N, of the surfaces.
        directions: B x 3 x N, of the rays that met them.
        lit: B x N, share of the lamp that reaches them, from `shadows.lit`.

    Returns:
        B x 3 x N, 0 and up.
    """
    light, m = scene.light, hits.material
    towards = light[:, :3, None] - hits.point
    distance = (towards * towards).sum(1).add(1e-12).sqrt()
    towards = towards / distance[:, None]
    viewer = -directions * torch.rsqrt((directions * directions).sum(1, keepdim=True))
    facing = (hits.normal * towards).sum(1)
    direct = _direct(light, facing, distance, lit) * _patches(scene, hits)
    up = -(hits.normal * scene.view[:, 1, :, None]).sum(1)  # the world's y points down
    ambient = light[:, LightColumn.AMBIENT, None] * (1.0 + _SKYLIGHT * up)
    tint = light[:, LightColumn.TINT : LightColumn.TINT + 3, None]
    received = (ambient + direct)[:, None] * tint
    if scene.dotted:
        straight = (hits.normal * viewer).sum(1)
        received = received + dot_light(scene, hits.point, straight)[:, None]
    gloss = _highlight(m, hits.normal, towards, viewer) * (facing > 0) * lit
    lit_color = color * received + gloss[:, None] * tint + _surroundings(scene, hits, viewer)[:, None]
    return torch.lerp(lit_color, color * 1.2, m[:, Column.GLOW, None]).clamp(min=0.0)


def _direct(light: Tensor, facing: Tensor, distance: Tensor, lit: Tensor) -> Tensor:
    # ceilings and far sides are not black: some light wraps around
    diffuse = (0.25 * facing).clamp(min=-0.1, max=0.0) + facing.clamp(min=0.0) * lit
    reach = light[:, LightColumn.REACH, None]
    falloff = torch.where(reach > 0, (reach / distance).square().clamp(max=2.5), 1.0)
    return (1.0 - light[:, LightColumn.AMBIENT, None]) * diffuse * falloff


def _patches(scene: SceneBatch, hits: Hits) -> Tensor:
    frequency = scene.light[:, LightColumn.MOTTLE_FREQUENCY, None, None]
    world = torch.bmm(scene.view, hits.point) * frequency
    strength = scene.light[:, LightColumn.MOTTLE, None]
    if strength.device.type == "cpu" and not strength.any():
        return torch.ones_like(hits.point[:, 0])
    return 1.0 + strength * (lattice_noise(world)[:, 0] * 3.0).clamp(-1.0, 1.0)


def _highlight(m: Tensor, normal: Tensor, towards: Tensor, viewer: Tensor) -> Tensor:
    between = towards + viewer
    between = between * torch.rsqrt((between * between).sum(1, keepdim=True) + 1e-12)
    shine = (normal * between).sum(1).clamp(min=1e-4) ** m[:, Column.SHININESS].clamp(min=1.0)
    return m[:, Column.SPECULAR] * shine


def _surroundings(scene: SceneBatch, hits: Hits, viewer: Tensor) -> Tensor:
    """Return what polished surfaces show of a world beyond the scene: bright above, with windows; it moves
    with the viewer, unlike everything else."""
    polish = hits.material[:, Column.POLISH]
    if polish.device.type == "cpu" and not polish.any():
        return torch.zeros_like(polish)
    straight = (hits.normal * viewer).sum(1)
    mirrored = torch.bmm(scene.view, 2.0 * straight[:, None] * hits.normal - viewer)
    x, y, z = mirrored.unbind(1)
    panes = ((5.0 * x + 1.0).sin() * (4.0 * y).sin() * (4.0 * z + 2.0).cos() * 8.0 - 1.5).clamp(0.0, 1.0)
    grazing = (1.0 - straight.clamp(0.0, 1.0)) ** 5
    return polish * (0.25 + 0.75 * grazing) * (0.35 - 0.3 * y + 0.9 * panes)
