# SPDX-License-Identifier: Apache-2.0
"""Rays against heights over a square: relief walls, rough ground, foliage.

The heights are bilinear between their grid points. A ray is followed through the box around them in equal
steps to the first one below the surface, then bisected and finished by a secant step: to a small part of a
step, far below 1e-3 px of disparity. A crest thinner than a step may be missed; the step count keeps that to
silhouettes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.render.intersections import relative, slab, turn, unit_axes
from foundation_stereo_ros.scenes.raycast.render.tensors import SceneBatch

_STEPS = 28
_HALVINGS = 7


def sample(maps: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """Read B x C x G x G maps bilinearly at x, z in -1..1 (B x N); returns B x C x N."""
    grid = torch.stack((x, z), dim=-1)[:, :, None]
    return F.grid_sample(maps, grid, padding_mode="border", align_corners=True)[..., 0]


def gap(heights: Tensor, point: Tensor) -> Tensor:
    """Return how far B x 3 x N unit points are above the surface (a height h lies at y = 1 - 2 h)."""
    surface = 1.0 - 2.0 * sample(heights, point[:, 0], point[:, 2])[:, 0]
    return surface - point[:, 1]


def cast(
    scene: SceneBatch,
    row: int,
    directions: Tensor,
    origins: Sequence[Tensor],
    best: list[Tensor],
    hit: list[Tensor],
) -> None:
    """Let a row of height fields take part in `raycast.cast`, where scenes have any; changes best and hit."""
    every = len(scene.fields) == len(directions)
    chosen = slice(None) if every else torch.tensor(scene.fields).to(directions.device, non_blocking=True)
    surface, heights = scene.surfaces[chosen, row], scene.heights[chosen]
    axes = unit_axes(surface)
    local = turn(axes, directions[chosen]) + 1e-9
    for view, origin in enumerate(origins):
        start = turn(axes, relative(origin[chosen], surface))
        enter, leave = slab(local, start)
        enter = enter.clamp(min=0.0)
        if len(directions) == 1 and directions.device.type == "cpu":
            _march_some(heights, local, start, enter, leave, row, best[view], hit[view])
            continue
        t, found = _march(heights, local, start, enter, leave)
        found &= t < best[view][chosen]
        best[view][chosen] = torch.where(found, t, best[view][chosen])
        hit[view][chosen] = torch.where(found, row, hit[view][chosen])


def _march_some(
    heights: Tensor,
    local: Tensor,
    start: Tensor,
    enter: Tensor,
    leave: Tensor,
    row: int,
    best: Tensor,
    hit: Tensor,
) -> None:
    """Follow those of one scene's rays that pass through the box before they end; changes best and hit."""
    some = ((enter < leave) & (enter < best))[0].nonzero()[:, 0]
    if not len(some):
        return
    start = start.expand_as(local)[:, :, some]
    t, found = _march(heights, local[:, :, some], start, enter[:, some], leave[:, some])
    nearer = (found & (t < best[:, some]))[0]
    best[:, some[nearer]] = t[:, nearer]
    hit[:, some[nearer]] = row


def _march(
    heights: Tensor, local: Tensor, start: Tensor, enter: Tensor, leave: Tensor
) -> tuple[Tensor, Tensor]:
    stride = (leave - enter).clamp(min=0.0) / _STEPS
    above = enter.clone()  # the last step known to be above the surface
    found = torch.zeros_like(enter, dtype=torch.bool)
    for step in range(1, _STEPS + 1):
        t = enter + step * stride
        below = gap(heights, start + t[:, None] * local) < 0
        above = torch.where(found | below, above, t)
        found |= below
    found &= (leave > enter) & (leave > 0)
    low, high = above, above + stride
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = gap(heights, start + middle[:, None] * local) < 0
        low, high = torch.where(below, low, middle), torch.where(below, middle, high)
    over = gap(heights, start + low[:, None] * local).clamp(min=0.0)
    under = gap(heights, start + high[:, None] * local).clamp(max=0.0)
    return low + (high - low) * over / (over - under).clamp(min=1e-9), found
