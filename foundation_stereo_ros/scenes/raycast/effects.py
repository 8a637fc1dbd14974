# SPDX-License-Identifier: Apache-2.0
"""Blur before the light reaches the sensor: out of focus, moved while the shutter was open; and rows that
rectification left a fraction of a pixel off."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_LEVELS = (0.7, 1.4, 2.8)  # sigmas that defocus mixes from, pixels
_MOTION_RADIUS = 5


def gaussian(pictures: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Blur N x C x H x W pictures, each with its own sigma (N, pixels)."""
    offset = torch.arange(-radius, radius + 1, device=pictures.device, dtype=pictures.dtype)
    kernel = torch.exp(-0.5 * (offset / sigma.clamp(min=0.05)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(pictures.shape[1], 0)[:, None]
    flat = F.pad(pictures.flatten(0, 1)[None], (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, None, :], groups=len(kernel))
    blurred: Tensor = F.conv2d(flat, kernel[:, :, :, None], groups=len(kernel))[0]
    return blurred.reshape(pictures.shape)


def defocus(pictures: Tensor, sigma: Tensor) -> Tensor:
    """Blur each pixel with its own sigma.

    Args:
        pictures: N x 3 x H x W.
        sigma: N x 1 x H x W, pixels; up to the last of `_LEVELS`.
    """
    sigma = F.avg_pool2d(
        F.pad(sigma, (2, 2, 2, 2), mode="replicate"), 5, stride=1
    )  # blurred things have no sharp rim
    result, last, below = pictures, pictures, 0.0
    for level in _LEVELS:
        blurred = gaussian(pictures, sigma.new_full((len(pictures),), level), int(2.5 * level) + 1)
        part = ((sigma - below) / (level - below)).clamp(0.0, 1.0)
        result = result + part * (blurred - last)
        last, below = blurred, level
    return result


def shake(pictures: Tensor, motion: Tensor) -> Tensor:
    """Blur N x C x H x W pictures along N x 2 lines (x, y in pixels), as moving cameras do."""
    offset = torch.arange(-_MOTION_RADIUS, _MOTION_RADIUS + 1, device=pictures.device, dtype=pictures.dtype)
    steps = torch.linspace(-0.5, 0.5, 4 * _MOTION_RADIUS + 1, device=pictures.device)
    x, y = (motion[:, axis, None, None] * steps[:, None] for axis in (0, 1))
    near_x, near_y = (1.0 - (offset - x).abs()).clamp(min=0.0), (1.0 - (offset - y).abs()).clamp(min=0.0)
    kernel = torch.einsum("nsy,nsx->nyx", near_y, near_x)
    kernel = kernel / kernel.sum(dim=(1, 2), keepdim=True)
    channels = pictures.shape[1]
    flat = F.pad(pictures.flatten(0, 1)[None], (_MOTION_RADIUS,) * 4, mode="replicate")
    moved = F.conv2d(flat, kernel.repeat_interleave(channels, 0)[:, None], groups=len(kernel) * channels)
    return moved.reshape(pictures.shape)


def misalign(pictures: Tensor, rows: Tensor) -> Tensor:
    """Move rows of N x 3 x H x W pictures up or down by parts of a pixel.

    Args:
        pictures: of the right camera.
        rows: N x 3, pixels: how far everywhere, how much more at the right edge than in the middle (roll),
            and how much more at the lower edge (another focal length).
    """
    height, width = pictures.shape[2:]
    y = torch.arange(height, device=pictures.device, dtype=pictures.dtype)[:, None]
    x = torch.linspace(-1, 1, width, device=pictures.device)
    down = torch.linspace(-1, 1, height, device=pictures.device)[:, None]
    shift, roll, stretch = (rows[:, i, None, None] for i in range(3))
    row = y + shift + roll * x + stretch * down
    grid = torch.stack([x.expand_as(row), row * (2.0 / (height - 1)) - 1.0], dim=-1)
    return F.grid_sample(pictures, grid, mode="bicubic", padding_mode="border", align_corners=True)
