# SPDX-License-Identifier: Apache-2.0
"""What lenses, mountings and JPEG do to pictures: blur out of focus, blur by motion, rows that rectification
left a fraction of a pixel off, compression.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_LEVELS = (0.7, 1.4, 2.8)  # sigmas that defocus mixes from, pixels
_MOTION_RADIUS = 5
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_CORNER = ((17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99))
_FLAT = 99
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_BLOCK = 8


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
    # blurred things have no sharp rim
    sigma = F.avg_pool2d(F.pad(sigma, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
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


@lru_cache(maxsize=4)
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    k, n = np.mgrid[:_BLOCK, :_BLOCK]
    cosine = np.sqrt(2.0 / _BLOCK) * np.cos(np.pi * (2 * n + 1) * k / (2 * _BLOCK))
    cosine[0] /= np.sqrt(2.0)
    chroma = np.full((_BLOCK, _BLOCK), _FLAT)
    chroma[:4, :4] = _CHROMA_CORNER
    tables = np.stack([np.array(_LUMA), chroma])
    color = np.array(_TO_YCC)
    arrays = (cosine, tables, color, np.linalg.inv(color))
    one, two, three, four = (torch.from_numpy(a.astype(np.float32)).to(device) for a in arrays)
    return one, two, three, four


def jpeg(pictures: Tensor, quality: Tensor) -> Tensor:
    """Return pictures as they come out of JPEG.

    Args:
        pictures: N x 3 x H x W, 0 to 255.
        quality: N, 1 (worst) to 100.

    Returns:
        The same shape, whole numbers 0 to 255.
    """
    height, width = pictures.shape[2:]
    _, tables, to_ycc, to_rgb = _constants(pictures.device)
    quality = quality[:, None, None, None]
    scale = torch.where(quality < 50, 5000.0 / quality, 200.0 - 2.0 * quality)
    table = ((tables * scale + 50.0) / 100.0).floor().clamp(1.0, 255.0)
    padded = F.pad(pictures, (0, -width % 16, 0, -height % 16), mode="replicate")
    ycc = torch.einsum("ij,njhw->nihw", to_ycc, padded).round()
    luma = _rounded(ycc[:, :1] - 128.0, table[:, :1]) + 128.0
    chroma = _rounded(F.avg_pool2d(ycc[:, 1:], 2), table[:, 1:])
    chroma = F.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)
    rgb = torch.einsum("ij,njhw->nihw", to_rgb, torch.cat([luma, chroma], dim=1))
    return rgb[..., :height, :width].round().clamp(0.0, 255.0)


def _rounded(planes: Tensor, table: Tensor) -> Tensor:
    """Round the blocks' spectra of N x C x H x W planes to multiples of N x 1 x 8 x 8 steps."""
    cosine = _constants(planes.device)[0]
    count, channels, height, width = planes.shape
    blocks = planes.reshape(count, channels, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    spectrum = torch.einsum("ki,ncyixj,lj->ncyxkl", cosine, blocks, cosine)
    step = table[:, :, None, None]
    spectrum = (spectrum / step).round() * step
    back = torch.einsum("ki,ncyxkl,lj->ncyixj", cosine, spectrum, cosine)
    return back.reshape(planes.shape)
