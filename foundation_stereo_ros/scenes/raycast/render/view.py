# SPDX-License-Identifier: Apache-2.0
"""Both pictures of a scene, the exact disparity of the left one, and what the right camera does not see.

Each pixel's colour is its centre ray's (half the weight) and its four corner rays' (shared with the
neighbours). Depth and disparity, f B / Z, are those of the centre ray's first surface. Colours come with one
bounce: mirrors show what they face, panes what is behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.materials import Column
from foundation_stereo_ros.scenes.raycast.render.hits import Hits, describe
from foundation_stereo_ros.scenes.raycast.render.light import lamp_points, lit, shade
from foundation_stereo_ros.scenes.raycast.render.rays import TOGETHER, cast, reachable, tiles
from foundation_stereo_ros.scenes.raycast.render.tensors import LightColumn, SceneBatch
from foundation_stereo_ros.scenes.raycast.render.textures import albedo

_LEAVE = 1e-3  # share of the depth by which a ray starts behind or before the surface that it comes from
_GRAZING = 1e-4  # relative depth below which a ray meets its own surface


@dataclass(frozen=True)
class Rays:
    """Rays on their way.

    Attributes:
        origin: B x 3 or B x 3 x N, metres.
        directions: B x 3 x N; their length is that of camera rays with z = 1.
        travelled: B x N, lengths of the direction already behind them.
        lamp: N, from `light.lamp_points`.
    """

    origin: Tensor
    directions: Tensor
    travelled: Tensor
    lamp: Tensor


def radiance(scene: SceneBatch, rays: Rays, reach: Tensor, row: Tensor, bounce: bool = True) -> Tensor:
    """Return colours, B x 3 x N. reach, row: where the rays end, from `rays.cast`."""
    hits = describe(scene, rays.directions, rays.origin, reach, row)
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


@dataclass(frozen=True)
class Rendered:
    """Pictures without a camera's flaws.

    Attributes:
        left, right: B x 3 x H x W, 0 and up, about 1 is white.
        depth, right_depth: B x 1 x H x W, metres.
        disparity: B x 1 x H x W, pixels.
        occluded: B x 1 x H x W bool: hidden from the right camera or outside its picture; None if not asked
            for.
    """

    left: Tensor
    right: Tensor
    depth: Tensor
    right_depth: Tensor
    disparity: Tensor
    occluded: Tensor | None

    @classmethod
    def join(cls, parts: Sequence[Rendered]) -> Rendered:
        """Return several batches as one."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        joined: list[Any] = [None if values[0] is None else torch.cat(values) for values in columns]
        return cls(*joined)


def render(
    scene: SceneBatch, height: int, width: int, occlusion: bool = False, tiled: bool | None = None
) -> Rendered:
    """Render B scenes on the device they are on.

    Args:
        scene: what to render.
        height, width: of the pictures, pixels.
        occlusion: whether to find out what the right camera does not see.
        tiled: one scene after another in small tiles, each of which tries only the surfaces near it;
            otherwise the whole batch at once. None: tiled on a CPU.
    """
    if tiled is None:
        tiled = scene.camera.device.type == "cpu"
    if tiled and len(scene.camera) > 1:
        single = [scene.pick([index]) for index in range(len(scene.camera))]
        return Rendered.join([render(one, height, width, occlusion, tiled) for one in single])
    directions = _directions(scene, height, width)
    left = torch.zeros(len(directions), 3, device=directions.device)
    right = torch.stack([scene.camera[:, 3], left[:, 0], left[:, 0]], dim=1)
    colors, depths = _trace(scene, directions, (left, right), height, width, tiled)
    depth, right_depth = (each[:, : height * width] for each in depths)
    focal, baseline = scene.camera[:, :1], scene.camera[:, 3:]
    disparity = focal * baseline / depth
    hidden = _hidden(scene, directions, depth, right, disparity, width, tiled) if occlusion else None

    def image(flat: Tensor) -> Tensor:
        return flat.reshape(len(flat), -1, height, width)

    return Rendered(
        left=_resolve(colors[0], height, width),
        right=_resolve(colors[1], height, width),
        depth=image(depth),
        right_depth=image(right_depth),
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
    scene: SceneBatch,
    directions: Tensor,
    origins: tuple[Tensor, Tensor],
    height: int,
    width: int,
    tiled: bool,
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the colours of both views, B x 3 x N each, and their depths, B x N each."""
    lamps = lamp_points(height, width, directions.device)
    colors = [torch.empty_like(directions) for _ in origins]
    depths = [torch.empty_like(directions[:, 0]) for _ in origins]
    pieces = tiles(height, width, corners=True) if tiled else [torch.arange(directions.shape[2])]
    for first in range(0, len(pieces), TOGETHER):
        parts = [piece.to(directions.device) for piece in pieces[first : first + TOGETHER]]
        found = [_ends(scene, directions[:, :, part], origins, tiled) for part in parts]
        tile = torch.cat(parts)
        for view, origin in enumerate(origins):
            depth, row = (torch.cat([ends[view][i] for ends in found], dim=1) for i in (0, 1))
            depths[view][:, tile] = depth
            rays = Rays(origin, directions[:, :, tile], torch.zeros_like(depth), lamps[tile])
            colors[view][:, :, tile] = radiance(scene, rays, depth, row)
    return colors, depths


def _ends(
    scene: SceneBatch, directions: Tensor, origins: Sequence[Tensor], tiled: bool
) -> list[tuple[Tensor, Tensor]]:
    return cast(scene, directions, origins, reachable(scene, directions, origins) if tiled else None)


def _resolve(color: Tensor, height: int, width: int) -> Tensor:
    color = color.clamp(max=2.0)
    center = color[:, :, : height * width].reshape(-1, 3, height, width)
    corner = color[:, :, height * width :].reshape(-1, 3, height + 1, width + 1)
    around = corner[..., :-1, :-1] + corner[..., :-1, 1:] + corner[..., 1:, :-1] + corner[..., 1:, 1:]
    return 0.5 * center + 0.125 * around


def _hidden(
    scene: SceneBatch,
    directions: Tensor,
    depth: Tensor,
    right: Tensor,
    disparity: Tensor,
    width: int,
    tiled: bool,
) -> Tensor:
    """Cast a ray from the right camera towards each left pixel's surface point; hidden if it ends before."""
    flat = directions[:, :, : depth.shape[1]].clone()
    flat[:, 0] -= scene.camera[:, 3:] / depth
    ends = torch.empty_like(depth)
    pieces = tiles(depth.shape[1] // width, width, corners=False) if tiled else [torch.arange(depth.shape[1])]
    for tile in pieces:
        ends[:, tile] = _ends(scene, flat[:, :, tile], (right,), tiled)[0][0]
    column = torch.arange(depth.shape[1], device=depth.device) % width - disparity
    return (ends < depth * (1.0 - _GRAZING)) | (column < -0.5)
