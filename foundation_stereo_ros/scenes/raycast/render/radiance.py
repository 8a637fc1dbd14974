# SPDX-License-Identifier: Apache-2.0
"""What rays bring back to a camera, with one bounce: mirrors show what they face, panes what is behind them.

Depth and disparity are always those of the first surface, pane or mirror, as in the data sets of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.materials import Column
from foundation_stereo_ros.scenes.raycast.render import hits as surface_hits
from foundation_stereo_ros.scenes.raycast.render.hits import Hits
from foundation_stereo_ros.scenes.raycast.render.light import shade
from foundation_stereo_ros.scenes.raycast.render.rays import cast
from foundation_stereo_ros.scenes.raycast.render.shadows import lit
from foundation_stereo_ros.scenes.raycast.render.tensors import LightColumn, SceneBatch
from foundation_stereo_ros.scenes.raycast.render.textures import albedo

_LEAVE = 1e-3  # share of the depth by which a ray starts behind or before the surface that it comes from


@dataclass(frozen=True)
class Rays:
    """Rays on their way.

    Attributes:
        origin: B x 3 or B x 3 x N, metres.
        directions: B x 3 x N; their length is that of camera rays with z = 1.
        travelled: B x N, lengths of the direction already behind them.
        lamp: N, from `shadows.lamp_points`.
    """

    origin: Tensor
    directions: Tensor
    travelled: Tensor
    lamp: Tensor


def radiance(scene: SceneBatch, rays: Rays, reach: Tensor, row: Tensor, bounce: bool = True) -> Tensor:
    """Return colours, B x 3 x N. reach, row: where the rays end, from `raycast.cast`."""
    hits = surface_hits.describe(scene, rays.directions, rays.origin, reach, row)
    depth = rays.travelled + reach
    color = albedo(hits, depth / scene.camera[:, :1])
    color = shade(scene, hits, color, rays.directions, lit(scene, hits, depth, rays.lamp))
    color = _through_fog(scene, color, depth)
    if bounce and scene.bouncing:
        return _bounced(scene, rays, hits, depth, color)
    return color


def _through_fog(scene: SceneBatch, color: Tensor, depth: Tensor) -> Tensor:
    density = scene.light[:, LightColumn.FOG, None]
    haze = scene.light[:, LightColumn.FOG_COLOR : LightColumn.FOG_COLOR + 3, None]
    return torch.lerp(haze.expand_as(color), color, torch.exp(-density * depth)[:, None])


def _bounced(scene: SceneBatch, rays: Rays, hits: Hits, depth: Tensor, color: Tensor) -> Tensor:
    """Mix what mirrors and panes show into their own colours."""
    through, mirror = hits.material[:, Column.THROUGH], hits.material[:, Column.MIRROR]
    straight = (hits.normal * rays.directions).sum(1, keepdim=True)
    away = rays.directions - 2.0 * straight * hits.normal
    seen = torch.where((through > 0)[:, None], rays.directions, away)
    start = hits.point + (_LEAVE * depth)[:, None] * seen
    share = (through + mirror)[:, None]
    scenes, columns = _worth(scene, share)
    if not len(columns):
        return color
    part = scene if len(scenes) == len(scene.camera) else scene.pick(scenes)

    def cut(values: Tensor) -> Tensor:
        return values[scenes][..., columns]

    second = Rays(cut(start), cut(seen), cut(depth), rays.lamp[columns])
    reach, row = cast(part, second.directions, (second.origin,))[0]
    shown = torch.lerp(cut(color), radiance(part, second, reach, row, bounce=False), cut(share))
    result = color.clone()
    result[torch.tensor(scenes, device=color.device)[:, None], :, columns] = shown.transpose(1, 2)
    return result


def _worth(scene: SceneBatch, share: Tensor) -> tuple[list[int], Tensor]:
    """Return the scenes and the rays to follow further: one scene's that need it, or all rays of some
    scenes."""
    batch, _, rays = share.shape
    if batch == 1:
        return [0], (share[0, 0] > 0).nonzero()[:, 0]
    step = -(-batch // 4)  # few different sizes: a compiled kernel is made for each
    count = min(batch, -(-len(scene.bouncing) // step) * step)
    padded = (list(scene.bouncing) * count)[:count]
    return padded, torch.arange(rays, device=share.device)
