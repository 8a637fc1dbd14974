# SPDX-License-Identifier: Apache-2.0
"""Where rays meet each kind of surface.

All but height fields have closed forms. These take directions (B x 3 x N), origins (for each view B x 3 or
B x 3 x N) and one surface for each scene (B x `ROW`), and return the t of each view's rays, B x N, far away
where they miss. Scenes may also be several surfaces of one scene: B is 1 in directions and origins then.

Heights are bilinear between their grid points. A ray is followed through the box around them in equal steps
to the first one below the surface, then bisected and finished by a secant step: to a small part of a step,
far below 1e-3 px of disparity. A crest thinner than a step may be missed; the step count keeps that to
silhouettes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.world import Shape
from foundation_stereo_ros.scenes.raycast.render.tensors import SceneBatch

Meet = Callable[[Tensor, list[Tensor], Tensor], list[Tensor]]
FAR = 1e9
_STEPS, _HALVINGS = 28, 7  # along and between the last steps of a ray through a height field
_TINY = 1e-9  # keeps a ray along a box's face from becoming 0/0


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
    cosine, sine = turn.cos(), turn.sin()
    du, dv = u - iu - 0.5 - 0.22 * cosine, v - iv - 0.5 - 0.22 * sine
    along, across = cosine * du - sine * dv, sine * du + cosine * dv
    slim = 1.6 + 1.2 * (chance * 7.0).frac()  # leaves are longer than wide, and point anywhere
    leaf = along * along + (slim * across) ** 2 < (0.26 + 0.26 * chance) ** 2
    leaf &= (chance * 13.0).frac() > 0.15
    return inside & torch.where(cut < 0, leaf, bars)


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


def sample_heights(maps: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """Read B x C x G x G maps bilinearly at x, z in -1..1 (B x N); returns B x C x N."""
    grid = torch.stack((x, z), dim=-1)[:, :, None]
    return F.grid_sample(maps, grid, padding_mode="border", align_corners=True)[..., 0]


def _gap(heights: Tensor, point: Tensor) -> Tensor:
    """Return how far B x 3 x N unit points are above the surface (a height h lies at y = 1 - 2 h)."""
    surface = 1.0 - 2.0 * sample_heights(heights, point[:, 0], point[:, 2])[:, 0]
    return surface - point[:, 1]


def cast_field(
    scene: SceneBatch,
    row: int,
    directions: Tensor,
    origins: Sequence[Tensor],
    best: list[Tensor],
    hit: list[Tensor],
) -> None:
    """Let a row of height fields take part in `rays.cast`, where scenes have any; changes best and hit."""
    every = len(scene.fields) == len(directions)
    chosen = slice(None) if every else torch.tensor(scene.fields).to(directions.device, non_blocking=True)
    surface, heights = scene.surfaces[chosen, row], scene.heights[chosen]
    axes = unit_axes(surface)
    local = turn(axes, directions[chosen]) + _TINY
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
        below = _gap(heights, start + t[:, None] * local) < 0
        above = torch.where(found | below, above, t)
        found |= below
    found &= (leave > enter) & (leave > 0)
    low, high = above, above + stride
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = _gap(heights, start + middle[:, None] * local) < 0
        low, high = torch.where(below, low, middle), torch.where(below, middle, high)
    over = _gap(heights, start + low[:, None] * local).clamp(min=0.0)
    under = _gap(heights, start + high[:, None] * local).clamp(max=0.0)
    return low + (high - low) * over / (over - under).clamp(min=1e-9), found
