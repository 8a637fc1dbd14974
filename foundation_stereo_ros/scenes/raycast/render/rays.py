# SPDX-License-Identifier: Apache-2.0
"""Where rays end: the first surface along each, a batch of scenes at a time.

Rays are o + t d; those of the cameras have d = (x, y, 1) in the left camera's frame, so that t is the depth Z
itself. Pixels of both views share their directions; what depends on them alone is computed once for all
origins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.world import Shape
from foundation_stereo_ros.scenes.raycast.render import height_field
from foundation_stereo_ros.scenes.raycast.render.fusion import fused
from foundation_stereo_ros.scenes.raycast.render.intersections import FAR, MEET, Meet
from foundation_stereo_ros.scenes.raycast.render.tensors import SceneBatch

Race = tuple[list[Tensor], list[Tensor]]
"""For each view: the smallest depths so far (B x N), and the rows of the surfaces there."""

_ELEMENTS = 24_576  # rays times surfaces at a time on a CPU: what its cache holds


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
            height_field.cast(scene, row, directions, origins, best, hit)
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
