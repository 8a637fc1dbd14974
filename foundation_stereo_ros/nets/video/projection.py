# SPDX-License-Identifier: Apache-2.0
"""Pixels, points and planes of cameras that move: what all networks for posed video compute with.

All of it in full precision, also inside of a caller's `torch.autocast`: in bf16, column 301 is column 302.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from foundation_stereo_ros.nets.parts.precision import full_precision

_GUARD = 1e-8


def pixel_rays(size: tuple[int, int], like: Tensor) -> Float[Tensor, "3 h*w"]:
    """Return (u, v, 1) of all pixels of a grid, row by row; (0, 0, 1) is the centre of the upper left one."""
    rows, columns = (torch.arange(n, dtype=like.dtype, device=like.device) for n in size)
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([u, v, torch.ones_like(u)]).flatten(1)


def project(
    points: Float[Tensor, "b 3 n"], intrinsics: Float[Tensor, "b 3 3"]
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """Return columns and rows of points in a camera; undivided where z is almost 0, and z keeps its sign."""
    x, y, z = points.unbind(1)
    depth = torch.where(z.abs() > _GUARD, z, 1.0)
    fx, fy, cx, cy = (intrinsics[:, i, j, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return fx * x / depth + cx, fy * y / depth + cy


def unproject(depth: Float[Tensor, "b h w"], intrinsics: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 3 h*w"]:
    """Return the points, in metres, that a depth map shows."""
    size = (depth.shape[-2], depth.shape[-1])
    u, v, _ = pixel_rays(size, depth)
    fx, fy, cx, cy = (intrinsics[:, i, j, None] for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    z = depth.flatten(1)
    return torch.stack([z * (u - cx) / fx, z * (v - cy) / fy, z], dim=1)


def seen_in(
    points: Float[Tensor, "b 3 n"], intrinsics: Float[Tensor, "b 3 3"], size: tuple[int, int]
) -> tuple[Float[Tensor, "b h w"], Float[Tensor, "b h w"], Bool[Tensor, "b h w"]]:
    """Return where the points of a depth map fall in another camera, and whether it sees them.

    Args:
        points: in that camera, one for each pixel of the depth map.
        intrinsics: of that camera.
        size: height and width of both grids.

    Returns:
        Columns, rows, and whether the point is before the camera and inside of its image.
    """
    height, width = size
    u, v, z = (x.unflatten(1, size) for x in (*project(points, intrinsics), points[:, 2]))
    return u, v, (z > 0) & (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)


def moved(points: Float[Tensor, "b 3 n"], motion: Float[Tensor, "b 4 4"]) -> Float[Tensor, "b 3 n"]:
    """Bring points into another camera's coordinates."""
    with full_precision(points):
        return motion[:, :3, :3] @ points + motion[:, :3, 3:]


def reduced(intrinsics: Float[Tensor, "b 3 3"], factor: int) -> Float[Tensor, "b 3 3"]:
    """Return the intrinsics of a grid that is so many times smaller; without a shift of half a pixel."""
    scale = torch.tensor([1 / factor, 1 / factor, 1.0], dtype=intrinsics.dtype, device=intrinsics.device)
    return intrinsics * scale.view(3, 1)


def plane_motion(intrinsics: Tensor, move: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return where pixels at infinity go (b x 3 x h*w), and what inverse depth adds to it (b x 3 x 1)."""
    exact = intrinsics.double()
    rotation = exact @ move[:, :3, :3].double() @ torch.linalg.inv(exact)
    shift = exact @ move[:, :3, 3:].double()
    dtype = torch.float64 if intrinsics.dtype == torch.float64 else torch.float32
    rotation, shift = rotation.to(dtype), shift.to(dtype)
    with full_precision(rotation):
        return rotation @ pixel_rays(size, rotation), shift
