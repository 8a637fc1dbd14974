# SPDX-License-Identifier: Apache-2.0
"""Where rays end: closed-form intersections with every shape, a batch of scenes at a time.

Rays are o + t d with d = (x, y, 1) in the left camera's frame, so that t is the depth Z itself. Rows of
pixels of both
views share their directions; what depends on them alone is computed once for all origins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from foundation_stereo_ros.training import height_field
from foundation_stereo_ros.training.fusion import fused
from foundation_stereo_ros.training.primitives import Shape
from foundation_stereo_ros.training.scene_tensors import SceneBatch

Race = tuple[list[Tensor], list[Tensor]]
"""For each view: the smallest depths so far (B x N), and the rows of the surfaces there."""

_FAR = 1e9
_TINY = 1e-9  # keeps a ray along a box's face from becoming 0/0


def cast(
    scene: SceneBatch, directions: Tensor, origins: Sequence[Tensor], rows: Collection[int] | None = None
) -> list[tuple[Tensor, Tensor]]:
    """Find the first surface along each ray.

    Args:
        scene: B scenes.
        directions: B x 3 x N with z = 1.
        origins: for each view, B x 3: where its rays start.
        rows: of the surfaces to try; None: all.

    Returns:
        For each view: depth B x N in metres, and the row of `SceneBatch.surfaces` hit, B x N int64.
    """
    shape = directions.shape[::2]
    best = [torch.full(shape, _FAR, device=directions.device, dtype=directions.dtype) for _ in origins]
    hit = [torch.zeros(shape, device=directions.device, dtype=torch.int32) for _ in origins]
    # one layout whatever the number of surfaces, so that fused kernels fit every batch; 4: keeps 16-byte
    # alignment
    surfaces = scene.surfaces.transpose(0, 1).contiguous()
    numbers = torch.arange(len(surfaces), device=directions.device, dtype=torch.int32)[:, None].repeat(1, 4)
    for kind in (Shape.ROOM, Shape.BOX, Shape.ELLIPSOID, Shape.CYLINDER, Shape.CARD):
        meet = fused(_MEET[kind], directions.device)
        for row in range(*scene.slots[kind]):
            if rows is not None and row not in rows:
                continue
            best, hit = meet(directions, list(origins), surfaces[row], numbers[row, 0], best, hit)
    if scene.fields and (rows is None or scene.slots[Shape.FIELD][0] in rows):
        height_field.cast(scene, directions, origins, best, hit)
    return [(t, row.long()) for t, row in zip(best, hit, strict=True)]


def unit_axes(surface: Tensor) -> Tensor:
    """Return B x 3 x 3: camera frame -> the surface's own, in which it is the unit shape."""
    return surface[:, :9].reshape(-1, 3, 3).transpose(1, 2) / surface[:, 12:15, None]


def turn(axes: Tensor, vectors: Tensor) -> Tensor:
    """Return axes (B x 3 x 3) times vectors (B x 3 x N); written out, it fuses with what follows."""
    x, y, z = vectors.unsqueeze(1).unbind(2)
    return axes[:, :, 0, None] * x + axes[:, :, 1, None] * y + axes[:, :, 2, None] * z


def slab(local: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return where rays enter and leave the cube from -1 to 1 (entering after leaving: they miss)."""
    inverse = local.reciprocal()
    middle = inverse * start
    reach = inverse.abs()
    return (-middle - reach).amax(1), (reach - middle).amin(1)


def _approach(directions: Tensor, origins: list[Tensor], surface: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return directions and origins in the surface's own frame."""
    axes = unit_axes(surface)
    starts = [turn(axes, (origin - surface[:, 9:12])[:, :, None]) for origin in origins]
    return turn(axes, directions) + _TINY, starts


def _race(depths: list[Tensor], row: Tensor, best: list[Tensor], hit: list[Tensor]) -> Race:
    """Let one surface take part in every ray's race for the smallest depth."""
    hit = [torch.where(t < b, row, h) for t, b, h in zip(depths, best, hit, strict=True)]
    return [torch.minimum(t, b) for t, b in zip(depths, best, strict=True)], hit


def _accept(t: Tensor, good: Tensor) -> Tensor:
    return torch.where(good & (t > 0), t, _FAR)


def _room(
    directions: Tensor,
    origins: list[Tensor],
    surface: Tensor,
    row: Tensor,
    best: list[Tensor],
    hit: list[Tensor],
) -> Race:
    local, starts = _approach(directions, origins, surface)
    return _race([slab(local, start)[1] for start in starts], row, best, hit)


def _box(
    directions: Tensor,
    origins: list[Tensor],
    surface: Tensor,
    row: Tensor,
    best: list[Tensor],
    hit: list[Tensor],
) -> Race:
    local, starts = _approach(directions, origins, surface)
    spans = [slab(local, start) for start in starts]
    return _race([_accept(enter, enter < leave) for enter, leave in spans], row, best, hit)


def _ellipsoid(
    directions: Tensor,
    origins: list[Tensor],
    surface: Tensor,
    row: Tensor,
    best: list[Tensor],
    hit: list[Tensor],
) -> Race:
    local, starts = _approach(directions, origins, surface)
    square = (local * local).sum(1)
    result = []
    for start in starts:
        # from the point nearest to the centre, so that small far shapes lose no digits
        nearest = -(local * start).sum(1) / square
        offset = start + nearest[:, None] * local
        rest = 1.0 - (offset * offset).sum(1)
        result.append(_accept(nearest - (rest.clamp(min=0.0) / square).sqrt(), rest > 0))
    return _race(result, row, best, hit)


def _cylinder(
    directions: Tensor,
    origins: list[Tensor],
    surface: Tensor,
    row: Tensor,
    best: list[Tensor],
    hit: list[Tensor],
) -> Race:
    local, starts = _approach(directions, origins, surface)
    taper = surface[:, 15, None]
    x, y, z = local.unbind(1)
    round_square = x * x + z * z
    shrink = -taper * y
    a = round_square - shrink * shrink
    a = torch.where(a.abs() < 1e-12, 1e-12, a)
    result = []
    for start in starts:
        ox, oy, oz = start.unbind(1)
        nearest = -(x * ox + z * oz) / round_square
        px, py, pz = ox + nearest * x, oy + nearest * y, oz + nearest * z
        radius = 1.0 - taper * py
        half_b = -radius * shrink  # px x + pz z is 0 here
        c = px * px + pz * pz - radius * radius
        rest = half_b * half_b - a * c
        step = (-half_b - rest.clamp(min=0.0).sqrt()) / a
        side = _accept(nearest + step, (rest > 0) & ((py + step * y).abs() < 1.0))
        cap = (-torch.sign(y) - oy) / y
        cx, cz = ox + cap * x, oz + cap * z
        rim = 1.0 + taper * torch.sign(y)
        result.append(torch.minimum(side, _accept(cap, cx * cx + cz * cz < rim * rim)))
    return _race(result, row, best, hit)


def _card(
    directions: Tensor,
    origins: list[Tensor],
    surface: Tensor,
    row: Tensor,
    best: list[Tensor],
    hit: list[Tensor],
) -> Race:
    local, starts = _approach(directions, origins, surface)
    x, y, z = local.unbind(1)
    result = []
    for start in starts:
        ox, oy, oz = start.unbind(1)
        t = -oz / z
        result.append(_accept(t, card_mask(ox + t * x, oy + t * y, surface[:, 15:20])))
    return _race(result, row, best, hit)


def card_mask(x: Tensor, y: Tensor, extra: Tensor) -> Tensor:
    """Return where a card has substance. x, y: B x N in -1..1; extra: B x 5 as in `Primitive`."""
    bars_x, share_x, bars_y, share_y, cut = (value[:, None] for value in extra.unbind(1))
    inside = torch.where(cut == 1, x * x + y * y, torch.maximum(x.abs(), y.abs())) < 1
    bars = ((x * bars_x).frac().abs() < share_x) | ((y * bars_y).frac().abs() < share_y)
    cells = (-cut).clamp(min=1.0)
    u, v = x * cells, y * cells
    iu, iv = u.floor(), v.floor()
    chance = ((iu * 12.9898 + iv * 78.233).sin() * 437.5853).frac().abs()
    turn = chance * 40.0
    du, dv = u - iu - 0.5 - 0.2 * turn.cos(), v - iv - 0.5 - 0.2 * turn.sin()
    leaf = du * du + dv * dv < (0.2 + 0.3 * chance) ** 2
    return inside & torch.where(cut < 0, leaf, bars)


_MEET: dict[Shape, Callable[..., Race]] = {
    Shape.ROOM: _room,
    Shape.BOX: _box,
    Shape.ELLIPSOID: _ellipsoid,
    Shape.CYLINDER: _cylinder,
    Shape.CARD: _card,
}
