# SPDX-License-Identifier: Apache-2.0
"""The plane sweep: how alike two views are, were the scene one of several planes (arXiv 2012.02177, 3.2).

The planes are parallel to the reference image, and uniform in inverse depth from the farthest to the
nearest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_GUARD = 1e-8
_PLANES_AT_ONCE = 8  # bounds the memory: each takes as much as the features of one image


def inverse_depths(planes: int, min_depth: float, max_depth: float) -> Tensor:
    """Return one over the planes' depths in 1/m, the farthest first; both bounds are included."""
    return torch.linspace(1 / max_depth, 1 / min_depth, planes, dtype=torch.float64)


def pixel_rays(size: tuple[int, int], like: Tensor) -> Float[Tensor, "3 h*w"]:
    """Return (u, v, 1) of all pixels of a grid, row by row; (0, 0, 1) is the centre of the upper left one."""
    rows, columns = (torch.arange(n, dtype=like.dtype, device=like.device) for n in size)
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([u, v, torch.ones_like(u)]).flatten(1)


def plane_sweep(
    reference: Float[Tensor, "b c h w"],
    views: Sequence[tuple[Float[Tensor, "b c h w"], Float[Tensor, "b 4 4"]]],
    intrinsics: Float[Tensor, "b 3 3"],
    inverse_depth: Float[Tensor, " p"],
) -> Float[Tensor, "b p h w"]:
    """Return the mean product of the reference's features with each view's, for every plane.

    Args:
        reference: features of the reference view.
        views: features of other views of the same size, each with the motion that takes points from the
            reference camera to it.
        intrinsics: of these grids: rows 0 and 1 of the image's, divided by how much smaller the grid is.
        inverse_depth: of the planes, 1/m.

    Returns:
        The mean over the channels, and over the views whether or not they see the pixel: 0 outside.
    """
    volumes = [_sweep(reference, features, move, intrinsics, inverse_depth) for features, move in views]
    return torch.stack(volumes).mean(dim=0) if len(volumes) > 1 else volumes[0]


def _sweep(
    reference: Tensor, features: Tensor, move: Tensor, intrinsics: Tensor, inverse_depth: Tensor
) -> Tensor:
    height, width = reference.shape[-2:]
    rotated, shift = _homography(intrinsics, move, (height, width))
    parts = []
    for inverse in inverse_depth.to(rotated).split(_PLANES_AT_ONCE):
        place = rotated.unsqueeze(1) + shift.unsqueeze(1) * inverse.view(1, -1, 1, 1)
        seen = place[:, :, :2] / (place[:, :, 2:] + _GUARD)
        # The published networks were trained with this grid, which is off by up to a pixel at the far
        # border: pixel x is read at x (w - 1) / w.
        half_size = torch.tensor([width / 2, height / 2], dtype=seen.dtype, device=seen.device).view(2, 1)
        grid = ((seen - half_size) / half_size).unflatten(-1, (height, width)).permute(0, 1, 3, 4, 2)
        parts.append(_products(reference, features, grid))
    return torch.cat(parts, dim=1)


def _homography(intrinsics: Tensor, move: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return where pixels at infinity go (b x 3 x h*w), and what inverse depth adds to it (b x 3 x 1)."""
    exact = intrinsics.double()
    rotation = exact @ move[:, :3, :3].double() @ torch.linalg.inv(exact)
    shift = exact @ move[:, :3, 3:].double()
    dtype = torch.float64 if intrinsics.dtype == torch.float64 else torch.float32
    rotation, shift = rotation.to(dtype), shift.to(dtype)
    return rotation @ pixel_rays(size, rotation), shift


def _products(
    reference: Tensor, features: Tensor, grid: Float[Tensor, "b p h w 2"]
) -> Float[Tensor, "b p h w"]:
    planes = grid.shape[1]
    rows = grid.flatten(1, 2)  # all planes below each other: one lookup
    warped = F.grid_sample(
        features, rows.to(features.dtype), mode="bilinear", padding_mode="zeros", align_corners=True
    )
    products = reference.unsqueeze(2) * warped.unflatten(2, (planes, -1))
    mean: Tensor = products.mean(dim=1)
    return mean
