# SPDX-License-Identifier: Apache-2.0
"""Both pictures of a scene, the exact disparity of the left one, and what the right camera does not see.

Each pixel's colour is its centre ray's (half the weight) and its four corner rays' (shared with the neighbours); the
disparity is that of the centre ray alone, f B / Z.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foundation_stereo_ros.training import hits as surface_hits
from foundation_stereo_ros.training.raycast import cast
from foundation_stereo_ros.training.scene_tensors import SceneBatch
from foundation_stereo_ros.training.shading import shade
from foundation_stereo_ros.training.textures import albedo

_CPU_CHUNK = 1 << 15  # rays at once: their tensors stay in the processor's cache
_GRAZING = 1e-4  # relative depth below which a ray meets its own surface


@dataclass(frozen=True)
class Rendered:
    """Pictures without a camera's flaws.

    Attributes:
        left, right: B x 3 x H x W, 0 and up, about 1 is white.
        depth: B x 1 x H x W, metres, of the left view.
        disparity: B x 1 x H x W, pixels.
        occluded: B x 1 x H x W bool: the right camera does not see it (hidden or outside); None if not asked for.
    """

    left: Tensor
    right: Tensor
    depth: Tensor
    disparity: Tensor
    occluded: Tensor | None


def render(scene: SceneBatch, height: int, width: int, occlusion: bool = False) -> Rendered:
    """Render B scenes on the device they are on."""
    directions = _directions(scene, height, width)
    left = torch.zeros(len(directions), 3, device=directions.device)
    right = torch.stack([scene.camera[:, 3], left[:, 0], left[:, 0]], dim=1)
    chunk = _CPU_CHUNK if directions.device.type == "cpu" else directions.shape[2]
    parts = [_colors(scene, part, (left, right)) for part in directions.split(chunk, dim=2)]
    colors = [torch.cat([part[view] for part in parts], dim=2) for view in range(2)]
    depth = torch.cat([part[2] for part in parts], dim=1)[:, : height * width]
    focal, baseline = scene.camera[:, :1], scene.camera[:, 3:]
    disparity = focal * baseline / depth
    hidden = _hidden(scene, directions, depth, right, disparity, width, chunk) if occlusion else None

    def image(flat: Tensor) -> Tensor:
        return flat.reshape(len(flat), -1, height, width)

    return Rendered(
        left=_resolve(colors[0], height, width),
        right=_resolve(colors[1], height, width),
        depth=image(depth),
        disparity=image(disparity),
        occluded=None if hidden is None else image(hidden),
    )


def _directions(scene: SceneBatch, height: int, width: int) -> Tensor:
    """Return B x 3 x N: the H W pixel centres row by row, then the (H + 1)(W + 1) corners."""
    rays = []
    for rows, columns, shift in ((height, width, 0.0), (height + 1, width + 1, -0.5)):
        v, u = torch.meshgrid(
            torch.arange(rows, device=scene.camera.device) + shift,
            torch.arange(columns, device=scene.camera.device) + shift,
            indexing="ij",
        )
        rays.append(torch.stack([u.reshape(-1), v.reshape(-1)]))
    pixel = torch.cat(rays, dim=1)
    flat = (pixel - scene.camera[:, 1:3, None]) / scene.camera[:, :1, None]
    return torch.cat([flat, torch.ones_like(flat[:, :1])], dim=1)


def _colors(scene: SceneBatch, directions: Tensor, origins: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    found = cast(scene, directions, origins)
    colors = []
    for origin, (depth, row) in zip(origins, found):
        colors.append(_color(scene, directions, origin, depth, row))
    return colors[0], colors[1], found[0][0]


def _color(scene: SceneBatch, directions: Tensor, origin: Tensor, depth: Tensor, row: Tensor) -> Tensor:
    hits = surface_hits.describe(scene, directions, origin, depth, row)
    return shade(scene, hits, albedo(hits, depth / scene.camera[:, :1]), directions)


def _resolve(color: Tensor, height: int, width: int) -> Tensor:
    color = color.clamp(max=2.0)
    center = color[:, :, : height * width].unflatten(2, (height, width))
    corner = color[:, :, height * width :].unflatten(2, (height + 1, width + 1))
    around = corner[..., :-1, :-1] + corner[..., :-1, 1:] + corner[..., 1:, :-1] + corner[..., 1:, 1:]
    return 0.5 * center + 0.125 * around


def _hidden(
    scene: SceneBatch, directions: Tensor, depth: Tensor, right: Tensor, disparity: Tensor, width: int, chunk: int
) -> Tensor:
    """Cast a ray from the right camera towards each left pixel's surface point; hidden if it ends before."""
    flat = directions[:, :, : depth.shape[1]].clone()
    flat[:, 0] -= scene.camera[:, 3:] / depth
    parts = [cast(scene, part, (right,))[0][0] for part in flat.split(chunk, dim=2)]
    blocked = torch.cat(parts, dim=1) < depth * (1.0 - _GRAZING)
    column = torch.arange(depth.shape[1], device=depth.device) % width - disparity
    return blocked | (column < -0.5)
