# SPDX-License-Identifier: Apache-2.0
"""Both pictures of a scene, the exact disparity of the left one, and what the right camera does not see.

Each pixel's colour is its centre ray's (half the weight) and its four corner rays' (shared with the
neighbours);
the disparity is that of the centre ray alone, f B / Z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foundation_stereo_ros.training import hits as surface_hits
from foundation_stereo_ros.training.raycast import cast
from foundation_stereo_ros.training.scene_tensors import SceneBatch
from foundation_stereo_ros.training.shading import shade
from foundation_stereo_ros.training.textures import albedo
from foundation_stereo_ros.training.tiles import reachable, tiles

_GRAZING = 1e-4  # relative depth below which a ray meets its own surface


@dataclass(frozen=True)
class Rendered:
    """Pictures without a camera's flaws.

    Attributes:
        left, right: B x 3 x H x W, 0 and up, about 1 is white.
        depth: B x 1 x H x W, metres, of the left view.
        disparity: B x 1 x H x W, pixels.
        occluded: B x 1 x H x W bool: hidden from the right camera or outside its picture; None if not asked
            for.
    """

    left: Tensor
    right: Tensor
    depth: Tensor
    disparity: Tensor
    occluded: Tensor | None

    @classmethod
    def join(cls, parts: Sequence[Rendered]) -> Rendered:
        """Return several batches as one."""
        hidden = [part.occluded for part in parts if part.occluded is not None]
        return cls(
            left=torch.cat([part.left for part in parts]),
            right=torch.cat([part.right for part in parts]),
            depth=torch.cat([part.depth for part in parts]),
            disparity=torch.cat([part.disparity for part in parts]),
            occluded=torch.cat(hidden) if hidden else None,
        )


def render(scene: SceneBatch, height: int, width: int, occlusion: bool = False) -> Rendered:
    """Render B scenes on the device they are on."""
    if scene.camera.device.type == "cpu" and len(scene.camera) > 1:  # each then tries its own surfaces alone
        single = [render(scene.only(index), height, width, occlusion) for index in range(len(scene.camera))]
        return Rendered.join(single)
    directions = _directions(scene, height, width)
    left = torch.zeros(len(directions), 3, device=directions.device)
    right = torch.stack([scene.camera[:, 3], left[:, 0], left[:, 0]], dim=1)
    colors, depth = _trace(scene, directions, (left, right), height, width)
    depth = depth[:, : height * width]
    focal, baseline = scene.camera[:, :1], scene.camera[:, 3:]
    disparity = focal * baseline / depth
    hidden = _hidden(scene, directions, depth, right, disparity, width) if occlusion else None

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


def _trace(
    scene: SceneBatch, directions: Tensor, origins: tuple[Tensor, Tensor], height: int, width: int
) -> tuple[list[Tensor], Tensor]:
    """Return the colours of both views, B x 3 x N each, and the left one's depth, B x N."""
    if directions.device.type != "cpu":
        found = cast(scene, directions, origins)
        return [_color(scene, directions, o, *end) for o, end in zip(origins, found, strict=True)], found[0][
            0
        ]
    colors = [torch.empty_like(directions) for _ in origins]
    depths = torch.empty_like(directions[:, 0])
    for tile in tiles(height, width, corners=True):
        part = directions[:, :, tile]
        found = cast(scene, part, origins, reachable(scene, part, origins))
        depths[:, tile] = found[0][0]
        for color, origin, (depth, row) in zip(colors, origins, found, strict=True):
            color[:, :, tile] = _color(scene, part, origin, depth, row)
    return colors, depths


def _color(scene: SceneBatch, directions: Tensor, origin: Tensor, depth: Tensor, row: Tensor) -> Tensor:
    hits = surface_hits.describe(scene, directions, origin, depth, row)
    return shade(scene, hits, albedo(hits, depth / scene.camera[:, :1]), directions)


def _resolve(color: Tensor, height: int, width: int) -> Tensor:
    color = color.clamp(max=2.0)
    center = color[:, :, : height * width].reshape(-1, 3, height, width)
    corner = color[:, :, height * width :].reshape(-1, 3, height + 1, width + 1)
    around = corner[..., :-1, :-1] + corner[..., :-1, 1:] + corner[..., 1:, :-1] + corner[..., 1:, 1:]
    return 0.5 * center + 0.125 * around


def _hidden(
    scene: SceneBatch, directions: Tensor, depth: Tensor, right: Tensor, disparity: Tensor, width: int
) -> Tensor:
    """Cast a ray from the right camera towards each left pixel's surface point; hidden if it ends before."""
    flat = directions[:, :, : depth.shape[1]].clone()
    flat[:, 0] -= scene.camera[:, 3:] / depth
    if depth.device.type != "cpu":
        ends = cast(scene, flat, (right,))[0][0]
    else:
        ends = torch.empty_like(depth)
        for tile in tiles(depth.shape[1] // width, width, corners=False):
            part = flat[:, :, tile]
            ends[:, tile] = cast(scene, part, (right,), reachable(scene, part, (right,)))[0][0]
    column = torch.arange(depth.shape[1], device=depth.device) % width - disparity
    return (ends < depth * (1.0 - _GRAZING)) | (column < -0.5)
