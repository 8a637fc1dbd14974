# SPDX-License-Identifier: Apache-2.0
"""How alike the reference view and others are, were its surfaces on planes; and what was seen there before.

The planes are parallel to the reference image, and uniform in inverse depth from the farthest to the
nearest. A place counts in them from the farthest one, which is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation_stereo_ros.nets.parts.cost_volume import unit_vectors
from foundation_stereo_ros.nets.parts.lean.features import centred
from foundation_stereo_ros.nets.parts.precision import at_least_float32, full_precision
from foundation_stereo_ros.nets.video.lookup import PIXELS_AT_ONCE, Lookup
from foundation_stereo_ros.nets.video.projection import moved, plane_motion, project, reduced, unproject

_NEAREST = 1e-6  # metres before another camera from which on it can see a point


class Planes(NamedTuple):
    """The sweep's planes.

    Attributes:
        farthest: inverse depth of the farthest one, 1/m.
        step: from one to the next, 1/m.
        number: of them.
    """

    farthest: float
    step: float
    number: int

    def inverse(self, place: Tensor) -> Tensor:
        """Return the inverse depth at places, 1/m, within the range of the planes."""
        inside: Tensor = place.clamp(0, self.number - 1)
        return self.farthest + self.step * inside

    def place(self, inverse: Tensor) -> Tensor:
        """Return the places of inverse depths."""
        return (inverse - self.farthest) / self.step


class Descriptors(NamedTuple):
    """What is compared of an image, and all that is kept of an earlier one.

    Attributes:
        quarter: B x C x H/4 x W/4; the vectors of each group are of unit length.
        half: B x C x H/2 x W/2, of unit length.
    """

    quarter: Tensor
    half: Tensor


class Seen(NamedTuple):
    """What was found in an earlier view, at a quarter of the image's size.

    Attributes:
        place: B x H/4 x W/4, in planes.
        certainty: B x H/4 x W/4, 0 to 1.
    """

    place: Tensor
    certainty: Tensor


View = tuple[Descriptors, Tensor]
"""Another view, with the motion (B x 4 x 4) that takes points from the reference camera to its camera."""


def unit_groups(descriptors: Float[Tensor, "b c h w"], groups: int) -> Float[Tensor, "b c h w"]:
    """Take each group's mean off, and divide by its length; in full precision."""
    with full_precision(descriptors):
        split = centred(at_least_float32(descriptors), groups).unflatten(1, (groups, -1))
        found: Tensor = unit_vectors(split, dim=2).flatten(1, 2)
        return found


def group_sweep(
    own: Float[Tensor, "b c h w"],
    views: Sequence[tuple[Tensor, Tensor]],
    intrinsics: Float[Tensor, "b 3 3"],
    planes: Planes,
    groups: int,
) -> Float[Tensor, "b g h w d"]:
    """Return the cosine of each group of channels on every plane, as a mean over the views that see it.

    In training, gradients reach the reference view's descriptors alone.

    Args:
        own: descriptors of the reference view, of `unit_groups`.
        views: those of others, with the motion that takes points there.
        intrinsics: of this grid.
        planes: to try.
        groups: of channels.
    """
    size = (own.shape[-2], own.shape[-1])
    inverse = planes.farthest + planes.step * torch.arange(planes.number, device=own.device, dtype=own.dtype)
    ours = _block_diagonal(own, groups)
    warps = [(Lookup(theirs.detach()), *plane_motion(intrinsics, move, size)) for theirs, move in views]
    parts = []
    for first in range(0, size[0] * size[1], PIXELS_AT_ONCE):
        some = slice(first, first + PIXELS_AT_ONCE)
        total, count = own.new_zeros(()), own.new_zeros(())
        for lookup, infinite, shift in warps:
            u, v, inside = _places(infinite[:, :, some, None] + shift.unsqueeze(3) * inverse, size)
            seen = lookup.at(torch.where(inside, u, -1.0), v)  # b n d c
            with full_precision(own):
                total, count = total + seen @ ours[:, some], count + inside.unsqueeze(3)
        parts.append(total / count.clamp(min=1))
    volume: Tensor = torch.cat(parts, dim=1).unflatten(1, size).permute(0, 4, 1, 2, 3)
    return volume


def _block_diagonal(own: Float[Tensor, "b c h w"], groups: int) -> Float[Tensor, "b n c g"]:
    """Lay each pixel's groups out as columns of a matrix: products with it are group-wise ones.

    Most of it is zeros, and still it is several times as fast on a CPU as products and sums of groups.
    """
    rows = own.flatten(2).transpose(1, 2)
    member = torch.arange(own.shape[1], device=own.device) // (own.shape[1] // groups)
    mask = member.unsqueeze(1) == torch.arange(groups, device=own.device)
    return rows.unsqueeze(3) * mask


def _places(there: Float[Tensor, "b 3 n k"], size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return columns and rows of points in a view, and whether it sees them."""
    height, width = size
    x, y, z = there.unbind(1)
    depth = z.clamp(min=_NEAREST)
    u, v = x / depth, y / depth
    inside = (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1) & (z > _NEAREST)
    return u, v, inside


class PlaneMatcher:
    """Compares the reference view with others at half the image's size, on any plane.

    Args:
        own: of the reference view.
        views: the others.
        intrinsics: of the image.
        planes: whose halves the places count.
    """

    def __init__(
        self, own: Descriptors, views: Sequence[View], intrinsics: Float[Tensor, "b 3 3"], planes: Planes
    ) -> None:
        self._own, self._planes = own.half.unsqueeze(2), planes
        self._size = (own.half.shape[-2], own.half.shape[-1])
        half = reduced(intrinsics, 2)
        self._views = [(view.half.detach(), *plane_motion(half, move, self._size)) for view, move in views]

    def at(self, places: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
        """Return the mean cosine, over the views that see it, at k places for each pixel; 0 if none does."""
        inverse = (self._planes.farthest + self._planes.step / 2 * places).flatten(2)
        total, count = torch.zeros_like(places), torch.zeros_like(places)
        height, width = self._size
        for theirs, infinite, shift in self._views:
            there = infinite.unsqueeze(2) + shift.unsqueeze(2) * inverse.unsqueeze(1)  # b 3 k n
            u, v, inside = _places(there, self._size)
            grid = torch.stack([2 * u / (width - 1) - 1, 2 * v / (height - 1) - 1], dim=-1)
            warped = F.grid_sample(theirs, grid.unflatten(2, self._size).flatten(1, 2), align_corners=True)
            seen = inside.unflatten(2, self._size)
            total = total + (warped.unflatten(2, (places.shape[1], -1)) * self._own).sum(dim=1) * seen
            count = count + seen
        return total / count.clamp(min=1)

    def around(self, place: Float[Tensor, "b 1 h w"], radius: int) -> Float[Tensor, "b k h w"]:
        """Return the cosines at -radius to radius half planes from one place for each pixel."""
        steps = torch.arange(-radius, radius + 1, device=place.device, dtype=place.dtype)
        return self.at(place + steps.view(1, -1, 1, 1))


def seen_by_views(
    place: Float[Tensor, "b h w"], views: Sequence[View], intrinsics: Float[Tensor, "b 3 3"], planes: Planes
) -> Float[Tensor, "b h w"]:
    """Return 1 where a surface at this place lies inside of another view; otherwise 0."""
    size = (place.shape[-2], place.shape[-1])
    inverse = planes.inverse(place).flatten(1)[:, None, :, None]
    found = torch.zeros_like(place, dtype=torch.bool)
    for _, move in views:
        infinite, shift = plane_motion(intrinsics, move, size)
        found |= _places(infinite.unsqueeze(3) + shift.unsqueeze(3) * inverse, size)[2].view_as(found)
    return found.to(place)


def expected(
    before: Seen, from_previous: Float[Tensor, "b 4 4"], intrinsics: Float[Tensor, "b 3 3"], planes: Planes
) -> Seen:
    """Show what was found in the previous view in the reference view; certainty 0 where nothing falls.

    Of several points on one pixel the nearest counts.

    Args:
        before: of the previous view.
        from_previous: from its camera to the reference camera.
        intrinsics: of this grid, a quarter of the image's size.
        planes: of both.
    """
    height, width = before.place.shape[-2:]
    points = moved(unproject(1 / planes.inverse(before.place), intrinsics), from_previous)
    u, v = (x.round().long() for x in project(points, intrinsics))
    z = points[:, 2]
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height) & (z > _NEAREST)
    pixel = torch.where(inside, v * width + u, 0)
    inverse = torch.where(inside, 1 / z.clamp(min=_NEAREST), 0.0)
    nearest = torch.zeros_like(inverse).scatter_reduce_(1, pixel, inverse, reduce="amax")
    first = inside & (inverse >= nearest.gather(1, pixel))
    certainty = torch.where(first, before.certainty.flatten(1), 0.0)
    certain = torch.zeros_like(certainty).scatter_reduce_(1, pixel, certainty, reduce="amax")
    return Seen(*(x.view(-1, height, width) for x in (planes.place(nearest), certain)))


def as_channel(found: Seen, number: int) -> Float[Tensor, "b 1 h w d"]:
    """Return a bell of one plane's width around what is expected, as high as it is certain."""
    bins = torch.arange(number, device=found.place.device, dtype=found.place.dtype)
    bell = torch.exp(-0.5 * (bins - found.place.unsqueeze(-1)).square())
    return (bell * found.certainty.unsqueeze(-1)).unsqueeze(1)
