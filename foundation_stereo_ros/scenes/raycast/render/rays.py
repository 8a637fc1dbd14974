# SPDX-License-Identifier: Apache-2.0
"""Where rays end: the first surface along each, a batch of scenes at a time.

Rays are o + t d; those of the cameras have d = (x, y, 1) in the left camera's frame, so that t is the depth Z
itself. Pixels of both views share their directions; what depends on them alone is computed once for all
origins. On a CPU the picture is cut into tiles that fit its cache, and each tile tries only the surfaces that
it can meet.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.world import Shape
from foundation_stereo_ros.scenes.raycast.render.intersections import FAR, MEET, Meet, cast_field
from foundation_stereo_ros.scenes.raycast.render.tensors import SceneBatch

_LOG = logging.getLogger(__name__)
_SWITCH = "FOUNDATION_STEREO_FUSION"  # "0": never; "1": on the CPU too
_compiled: dict[Callable[..., Any], Callable[..., Any]] = {}
_broken = False

_ELEMENTS = 24_576  # rays times surfaces at a time on a CPU: what its cache holds
_ROWS, _COLUMNS = 32, 32  # of a tile
TOGETHER = 8  # tiles that are shaded at once, where the number of surfaces does not matter

Result = TypeVar("Result")
Race = tuple[list[Tensor], list[Tensor]]
"""For each view: the smallest depths so far (B x N), and the rows of the surfaces there."""


def fused(function: Callable[..., Result], device: torch.device) -> Callable[..., Result]:
    """Return a compiled form of a function on CUDA; the function itself elsewhere, or if compiling fails."""
    switch = os.environ.get(_SWITCH, "")
    if _broken or switch == "0" or (device.type != "cuda" and switch != "1"):
        return function
    if function not in _compiled:
        _compiled[function] = _careful(function)
    return _compiled[function]


def _careful(function: Callable[..., Result]) -> Callable[..., Result]:
    compiled = torch.compile(function, dynamic=False)

    def call(*arguments: Any) -> Result:
        global _broken
        if not _broken:
            try:
                return compiled(*arguments)
            except Exception as error:  # whatever a broken compiler throws: the plain way always works
                _broken = True
                reason = (str(error) or repr(error)).splitlines()[0]
                _LOG.warning("rendering without fused kernels: %s", reason)
        return function(*arguments)

    return call


def cast(
    scene: SceneBatch, directions: Tensor, origins: Sequence[Tensor], rows: Collection[int] | None = None
) -> list[tuple[Tensor, Tensor]]:
    """Find the first surface along each ray.

    Args:
        scene: B scenes.
        directions: B x 3 x N, of any length.
        origins: for each view, where its rays start: B x 3, or B x 3 x N.
        rows: of the surfaces to try; None: all.

    Returns:
        For each view: t B x N, in lengths of the direction, and the row of `SceneBatch.surfaces` hit, B x N
        int64.
    """
    shape = directions.shape[::2]
    best = [torch.full(shape, FAR, device=directions.device, dtype=directions.dtype) for _ in origins]
    hit = [torch.zeros(shape, device=directions.device, dtype=torch.int32) for _ in origins]
    together = len(directions) == 1 and directions.device.type == "cpu"
    for kind in MEET:
        chosen = [row for row in range(*scene.slots[kind]) if rows is None or row in rows]
        if together:
            _meet_together(kind, scene.surfaces[0], chosen, directions, origins, best, hit)
        elif chosen:
            best, hit = _meet_in_turn(kind, scene.surfaces, chosen, directions, origins, best, hit)
    for row in range(*scene.slots[Shape.FIELD]) if scene.fields else ():
        if rows is None or row in rows:
            cast_field(scene, row, directions, origins, best, hit)
    return [(t, row.long()) for t, row in zip(best, hit, strict=True)]


def _meet_together(
    kind: Shape,
    surfaces: Tensor,
    rows: list[int],
    directions: Tensor,
    origins: Sequence[Tensor],
    best: list[Tensor],
    hit: list[Tensor],
) -> None:
    """Let surfaces (K x `ROW`) of one scene take part in its rays' race, several at a time; changes best and
    hit."""
    several = max(1, _ELEMENTS // directions.shape[2])
    for first in range(0, len(rows), several):
        numbers = torch.tensor(rows[first : first + several], dtype=torch.int32)
        depths = MEET[kind](directions, list(origins), surfaces[numbers])
        for view, depth in enumerate(depths):
            nearest, which = depth.min(0, keepdim=True)
            hit[view] = torch.where(nearest < best[view], numbers[which], hit[view])
            best[view] = torch.minimum(nearest, best[view])


def _meet_in_turn(
    kind: Shape,
    surfaces: Tensor,
    rows: list[int],
    directions: Tensor,
    origins: Sequence[Tensor],
    best: list[Tensor],
    hit: list[Tensor],
) -> Race:
    """Let surfaces (B x K x `ROW`) take part one after the other, each in a kernel of its own."""
    # one layout whatever the number of surfaces, so that fused kernels fit every batch; 4: keeps 16-byte
    # alignment
    surfaces = surfaces.transpose(0, 1).contiguous()
    numbers = torch.arange(len(surfaces), device=directions.device, dtype=torch.int32)[:, None].repeat(1, 4)
    step = fused(_STEP[kind], directions.device)
    for row in rows:
        best, hit = step(directions, list(origins), surfaces[row], numbers[row, 0], best, hit)
    return best, hit


def _race(meet: Meet) -> Callable[..., Race]:
    """Return a function that lets one surface take part in every ray's race for the smallest depth."""

    def step(
        directions: Tensor,
        origins: list[Tensor],
        surface: Tensor,
        row: Tensor,
        best: list[Tensor],
        hit: list[Tensor],
    ) -> Race:
        depths = meet(directions, origins, surface)
        hit = [torch.where(t < b, row, h) for t, b, h in zip(depths, best, hit, strict=True)]
        return [torch.minimum(t, b) for t, b in zip(depths, best, strict=True)], hit

    return step


_STEP = {kind: _race(meet) for kind, meet in MEET.items()}


def tiles(height: int, width: int, corners: bool) -> list[Tensor]:
    """Return numbers of rays, tile by tile: pixel centres, counted row by row, then corners if wanted."""
    result = []
    center = torch.arange(height * width).reshape(height, width)
    corner = height * width + torch.arange((height + 1) * (width + 1)).reshape(height + 1, width + 1)
    for top in range(0, height, _ROWS):
        bottom = top + _ROWS
        for left in range(0, width, _COLUMNS):
            right = left + _COLUMNS
            part = [center[top:bottom, left:right].reshape(-1)]
            if corners:  # the last tile of a row or column takes the rim along
                end_y = bottom if bottom < height else height + 1
                end_x = right if right < width else width + 1
                part.append(corner[top:end_y, left:end_x].reshape(-1))
            result.append(torch.cat(part))
    return result


def reachable(scene: SceneBatch, directions: Tensor, origins: Sequence[Tensor]) -> list[int]:
    """Return the rows of those surfaces whose boxes may meet the pyramid around some rays, in any scene.

    Args:
        scene: B scenes.
        directions: B x 3 x N with z = 1.
        origins: B x 3 each.
    """
    flat = directions[:, :2]
    axes = scene.surfaces[:, :, :9].unflatten(2, (3, 3)) * scene.surfaces[:, :, None, 12:15]
    met = scene.surfaces[:, :, 20] == float(Shape.ROOM)
    for origin in origins:
        center = scene.surfaces[:, :, 9:12] - origin[:, None]
        met |= in_pyramid(axes, center, flat.amin(2), flat.amax(2))
    return [int(row) for row in met.any(0).nonzero()[:, 0]]


def in_pyramid(
    axes: Tensor, center: Tensor, low: Tensor, high: Tensor, margin: Tensor | float = 0.0
) -> Tensor:
    """Return whether boxes may reach into a pyramid with its tip at the origin that opens along z.

    Args:
        axes: B x K x 3 x 3, the boxes' axes (columns) times their half sizes.
        center: B x K x 3, of the boxes.
        low, high: B x 2, bounds of x / z and y / z in the pyramid.
        margin: by how much the tip may be elsewhere.

    Returns:
        B x K.
    """
    inside = center[:, :, 2] + axes[:, :, 2].abs().sum(2) > -margin
    for axis in (0, 1):
        for bound, sign in ((low, -1.0), (high, 1.0)):
            edge = bound[:, axis, None]
            beyond = sign * (center[:, :, axis] - edge * center[:, :, 2])
            reach = (axes[:, :, axis] - edge[..., None] * axes[:, :, 2]).abs().sum(2)
            inside &= beyond <= reach + margin * (1.0 + edge * edge).sqrt()
    return inside
