# SPDX-License-Identifier: Apache-2.0
"""Which surface points the lamp reaches.

A lamp has five points: its middle and the corners of a tetrahedron. Every pixel's five rays (`view`) take one
each, so that shadows are soft in five steps at the price of hard ones, and lie on the surfaces alike in both
views.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.world import Shape
from foundation_stereo_ros.scenes.raycast.render.hits import Hits
from foundation_stereo_ros.scenes.raycast.render.rays import cast
from foundation_stereo_ros.scenes.raycast.render.tensors import LightColumn, SceneBatch
from foundation_stereo_ros.scenes.raycast.render.tiles import in_pyramid

_POINTS = torch.tensor(
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
) * (3.0**-0.5)
_WIDE = 0.1  # smallest cosine to their middle of rays that are worth sorting surfaces for
_TOGETHER = 4096  # neighbouring rays for which the surfaces are sorted out once
_LIFT = 1.5e-3  # a shadow ray begins this share of the depth off its surface


def lamp_points(height: int, width: int, device: torch.device) -> Tensor:
    """Return the lamp's point, 0 to 4, for each ray: the pixel centres row by row, then the corners."""
    rows, columns = torch.arange(height + 1, device=device), torch.arange(width + 1, device=device)
    corner = 1 + 2 * (rows % 2)[:, None] + columns % 2
    return torch.cat([corner.new_zeros(height * width), corner.reshape(-1)])


def lit(scene: SceneBatch, hits: Hits, depth: Tensor, lamp: Tensor) -> Tensor:
    """Return 1 where the lamp's point is in sight, else 0.

    Args:
        scene: B scenes.
        hits: N surface points.
        depth: B x N, metres: how far the points are from the camera.
        lamp: N, from `lamp_points`.

    Returns:
        B x N.
    """
    if not scene.shadowed:
        return torch.ones_like(depth)
    point = hits.point + _LIFT * depth[:, None] * hits.normal
    position = scene.light[:, LightColumn.POSITION : LightColumn.POSITION + 3]
    spread = scene.light[:, LightColumn.SIZE, None, None] * _POINTS.to(depth.device)
    light = position[:, :, None] + spread.transpose(1, 2)[:, :, lamp]
    if depth.device.type != "cpu" or len(depth) > 1:
        ((reach, _),) = cast(scene, point - light, (light,), _casting(scene))
        free = (reach > 1.0) | (scene.light[:, LightColumn.SHADOWS, None] == 0)
        return free.to(depth.dtype)
    # one scene on a CPU: leave out what the lamp cannot reach anyway, and what stands aside
    result = torch.ones_like(depth)
    facing = ((hits.normal * (light - point)).sum(1)[0] > 0).nonzero()[:, 0]
    for some in facing.split(_TOGETHER) if len(facing) else ():
        start, ray = light[:, :, some], (point - light)[:, :, some]
        ((reach, _),) = cast(scene, ray, (start,), _near_rays(scene, ray, position))
        result[0, some] = (reach[0] > 1.0).to(depth.dtype)
    return result


def _casting(scene: SceneBatch) -> list[int]:
    """Return the rows of surfaces that cast shadows: all but panes, and the room, which is around the
    lamp."""
    kinds = [kind for kind in Shape if kind not in (Shape.ROOM, Shape.PANE)]
    return [row for kind in kinds for row in range(*scene.slots[kind])]


def _near_rays(scene: SceneBatch, rays: Tensor, position: Tensor) -> list[int]:
    """Return the rows that may stand in the way of one scene's rays (1 x 3 x N) from around a position (1 x
    3)."""
    axis = torch.nn.functional.normalize(torch.nn.functional.normalize(rays, dim=1).mean(2), dim=1)
    turn = _frame_around(axis[0])
    ahead = turn @ rays[0]
    if float((ahead[2] / torch.linalg.vector_norm(ahead, dim=0)).min()) < _WIDE:
        return _casting(scene)
    slope = (ahead[:2] / ahead[2])[None]
    axes = scene.surfaces[:, :, :9].unflatten(2, (3, 3)) * scene.surfaces[:, :, None, 12:15]
    center = (scene.surfaces[:, :, 9:12] - position[:, None]) @ turn.T
    margin = 2.0 * scene.light[:, LightColumn.SIZE, None]
    met = in_pyramid(turn @ axes, center, slope.amin(2), slope.amax(2), margin)[0]
    begins = center[0, :, 2] - (turn @ axes)[0, :, 2].abs().sum(1)
    met &= begins <= ahead[2].max() + margin[0]
    chosen = met.tolist()
    return [row for row in _casting(scene) if chosen[row]]


def _frame_around(axis: Tensor) -> Tensor:
    """Return a 3 x 3 turn that takes an axis to z."""
    other = torch.tensor([1.0, 0.0, 0.0] if abs(float(axis[0])) < 0.8 else [0.0, 1.0, 0.0])
    side = torch.nn.functional.normalize(torch.linalg.cross(axis, other), dim=0)
    return torch.stack([side, torch.linalg.cross(axis, side), axis])
