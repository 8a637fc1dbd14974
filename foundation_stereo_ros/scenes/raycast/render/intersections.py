# SPDX-License-Identifier: Apache-2.0
"""Closed-form intersections of rays with every shape but height fields.

Each takes directions (B x 3 x N), origins (for each view B x 3 or B x 3 x N) and one surface for each scene
(B x `ROW`), and returns the t of each view's rays, B x N, far away where they miss. Scenes may also be
several surfaces
of one scene: B is 1 in directions and origins then.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.world import Shape
from foundation_stereo_ros.scenes.raycast.render.cards import card_mask

Meet = Callable[[Tensor, list[Tensor], Tensor], list[Tensor]]

FAR = 1e9
_TINY = 1e-9  # keeps a ray along a box's face from becoming 0/0


def relative(origin: Tensor, surface: Tensor) -> Tensor:
    """Return origins (B x 3 or B x 3 x N) from a surface's centre, B x 3 x 1 or N."""
    return (origin[:, :, None] if origin.dim() == 2 else origin) - surface[:, 9:12, None]


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
    starts = [turn(axes, relative(origin, surface)) for origin in origins]
    return turn(axes, directions) + _TINY, starts


def _accept(t: Tensor, good: Tensor) -> Tensor:
    return torch.where(good & (t > 0), t, FAR)


def _room(directions: Tensor, origins: list[Tensor], surface: Tensor) -> list[Tensor]:
    local, starts = _approach(directions, origins, surface)
    return [slab(local, start)[1] for start in starts]


def _box(directions: Tensor, origins: list[Tensor], surface: Tensor) -> list[Tensor]:
    local, starts = _approach(directions, origins, surface)
    spans = [slab(local, start) for start in starts]
    return [_accept(enter, enter < leave) for enter, leave in spans]


def _faceted(directions: Tensor, origins: list[Tensor], surface: Tensor) -> list[Tensor]:
    local, starts = _approach(directions, origins, surface)
    cut = surface[:, 15, None, None]
    corner, result = diagonals(local) / cut, []
    for start in starts:
        enter, leave = slab(local, start)
        first, last = slab(corner, diagonals(start) / cut)
        enter, leave = torch.maximum(enter, first), torch.minimum(leave, last)
        result.append(_accept(enter, enter < leave))
    return result


def diagonals(vectors: Tensor) -> Tensor:
    """Return how far B x 3 x N vectors reach along the four diagonals of a cube, B x 4 x N."""
    x, y, z = vectors.unbind(1)
    return torch.stack([x + y + z, x + y - z, x - y + z, y + z - x], dim=1)


def _ellipsoid(directions: Tensor, origins: list[Tensor], surface: Tensor) -> list[Tensor]:
    local, starts = _approach(directions, origins, surface)
    square = (local * local).sum(1)
    result = []
    for start in starts:
        # from the point nearest to the centre, so that small far shapes lose no digits
        nearest = -(local * start).sum(1) / square
        offset = start + nearest[:, None] * local
        rest = 1.0 - (offset * offset).sum(1)
        result.append(_accept(nearest - (rest.clamp(min=0.0) / square).sqrt(), rest > 0))
    return result


def _cylinder(directions: Tensor, origins: list[Tensor], surface: Tensor) -> list[Tensor]:
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
    return result


def _card(directions: Tensor, origins: list[Tensor], surface: Tensor) -> list[Tensor]:
    local, starts = _approach(directions, origins, surface)
    x, y, z = local.unbind(1)
    result = []
    for start in starts:
        ox, oy, oz = start.unbind(1)
        t = -oz / z
        result.append(_accept(t, card_mask(ox + t * x, oy + t * y, surface[:, 15:20])))
    return result


MEET: dict[Shape, Meet] = {
    Shape.ROOM: _room,
    Shape.BOX: _box,
    Shape.ELLIPSOID: _ellipsoid,
    Shape.CYLINDER: _cylinder,
    Shape.CARD: _card,
    Shape.PANE: _card,
    Shape.FACETED: _faceted,
}
