# SPDX-License-Identifier: Apache-2.0
"""What is at the end of a ray: the point in the surface's own metres, its normal, its place on the unrolled
surface."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.world import Shape
from foundation_stereo_ros.scenes.raycast.render.intersections import sample_heights
from foundation_stereo_ros.scenes.raycast.render.tensors import SceneBatch


@dataclass(frozen=True)
class Hits:
    """Surface points of N rays in B scenes.

    Attributes:
        point: B x 3 x N, metres, left camera's frame.
        local: B x 3 x N, metres, the surface's own axes and centre.
        uv: B x 2 x N, metres along the surface.
        normal: B x 3 x N unit vectors, left camera's frame, towards the viewer.
        material: B x C x N, rows of `SceneBatch.materials`.
    """

    point: Tensor
    local: Tensor
    uv: Tensor
    normal: Tensor
    material: Tensor


def describe(scene: SceneBatch, directions: Tensor, origin: Tensor, depth: Tensor, row: Tensor) -> Hits:
    """Gather what shading needs. directions, depth and row are as in `rays.cast`; origin: B x 3 (x N)."""
    point = (origin[:, :, None] if origin.dim() == 2 else origin) + depth[:, None] * directions
    surface = _gather(scene.surfaces, row)
    turn, center, half = surface[:, :9], surface[:, 9:12], surface[:, 12:15]
    shape = surface[:, 20]
    offset = point - center
    local = torch.stack([(turn[:, axis::3] * offset).sum(1) for axis in range(3)], dim=1)
    unit = local / half
    normal, face = _normal(scene, shape, unit, half, surface[:, 15])
    uv = _unroll(shape, local, half, face)
    world_normal = torch.stack(
        [(turn[:, 3 * axis : 3 * axis + 3] * normal).sum(1) for axis in range(3)], dim=1
    )
    world_normal = world_normal * torch.rsqrt((world_normal * world_normal).sum(1, keepdim=True) + 1e-20)
    away = ((world_normal * directions).sum(1, keepdim=True) > 0).to(depth.dtype)
    world_normal = world_normal * (1.0 - 2.0 * away)
    side = 2 * face + (unit.gather(1, face[:, None])[:, 0] > 0)
    material_row = surface[:, 21].long() + torch.where(shape == Shape.ROOM.value, side, 0)
    return Hits(point, local, uv, world_normal, _gather(scene.materials, material_row))


def _gather(table: Tensor, row: Tensor) -> Tensor:
    """Return B x C x N columns of a B x K x C table."""
    columns = table.transpose(1, 2).contiguous()
    return columns.gather(2, row[:, None].expand(-1, columns.shape[1], -1))


def _normal(
    scene: SceneBatch, shape: Tensor, unit: Tensor, half: Tensor, taper: Tensor
) -> tuple[Tensor, Tensor]:
    """Return normals along the surface's own axes, of any length, and the axis a cube's face is across."""
    ax, ay, az = unit.abs().unbind(1)
    # argmax, which is slow along 3
    face = torch.where((ax >= ay) & (ax >= az), 0, torch.where(ay >= az, 1, 2))
    flat = torch.zeros_like(unit).scatter_(1, face[:, None], unit.gather(1, face[:, None]))
    round_ = unit / half
    x, y, z = unit.unbind(1)
    on_cap = y.abs() > 0.9999
    tube = torch.stack([x / half[:, 0], taper * (1.0 - taper * y) / half[:, 1], z / half[:, 2]], dim=1)
    cap = torch.stack([torch.zeros_like(x), y, torch.zeros_like(x)], dim=1)
    normal = torch.where((shape == Shape.ELLIPSOID.value)[:, None], round_, flat)
    normal = torch.where(
        (shape == Shape.CYLINDER.value)[:, None], torch.where(on_cap[:, None], cap, tube), normal
    )
    card = ((shape == Shape.CARD.value) | (shape == Shape.PANE.value))[:, None]
    normal = torch.where(card, torch.tensor([0.0, 0.0, 1.0], device=unit.device)[:, None], normal)
    signs = torch.where(unit < 0, -1.0, 1.0) / half
    cut_off = (ax + ay + az) / taper > torch.maximum(torch.maximum(ax, ay), az)
    faceted = ((shape == Shape.FACETED.value) & cut_off)[:, None]
    normal = torch.where(faceted, signs, normal)
    if scene.fields:
        normal = torch.where((shape == Shape.FIELD.value)[:, None], _field_normal(scene, unit, half), normal)
    return normal, face


def _field_normal(scene: SceneBatch, unit: Tensor, half: Tensor) -> Tensor:
    x, z = unit[:, 0], unit[:, 2]
    step = 1.5 / scene.heights.shape[-1]
    heights = scene.heights
    along_x = sample_heights(heights, x + step, z) - sample_heights(heights, x - step, z)
    along_z = sample_heights(heights, x, z + step) - sample_heights(heights, x, z - step)
    # y_surface = half_y (1 - 2 h): its slope along x in metres
    slope_x = -half[:, 1] * along_x[:, 0] / (step * half[:, 0])
    slope_z = -half[:, 1] * along_z[:, 0] / (step * half[:, 2])
    return torch.stack([slope_x, -torch.ones_like(x), slope_z], dim=1)


def _unroll(shape: Tensor, local: Tensor, half: Tensor, face: Tensor) -> Tensor:
    x, y, z = local.unbind(1)
    u = torch.where(face == 0, z, x)
    v = torch.where(face == 1, z, y)
    is_round = (shape == Shape.ELLIPSOID.value) | (shape == Shape.CYLINDER.value)
    around = torch.atan2(x / half[:, 0], z / half[:, 2]) * torch.minimum(half[:, 0], half[:, 2])
    is_card = (shape == Shape.CARD.value) | (shape == Shape.PANE.value)
    u = torch.where(is_round, around, torch.where(is_card, x, u))
    v = torch.where(is_round | is_card, y, v)
    is_field = shape == Shape.FIELD.value
    return torch.stack([torch.where(is_field, x, u), torch.where(is_field, z, v)], dim=1)
