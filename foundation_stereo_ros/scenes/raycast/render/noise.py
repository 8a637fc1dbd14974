# SPDX-License-Identifier: Apache-2.0
"""Solid noise from one fixed table of random numbers, the same for every scene and device."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIZE = 64
_HASH = 4096


@lru_cache(maxsize=4)
def _volume(device: torch.device) -> Tensor:
    values = np.random.default_rng(20_240_501).uniform(-1.0, 1.0, (4, SIZE, SIZE, SIZE))
    values = np.pad(
        values, [(0, 0), (0, 1), (0, 1), (0, 1)], mode="wrap"
    )  # so that it repeats without a seam
    return torch.from_numpy(values[None].astype(np.float32)).to(device)


@lru_cache(maxsize=4)
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(20_240_502)
    shuffled = torch.from_numpy(rng.permutation(_HASH))
    return shuffled.to(device), torch.from_numpy(rng.random((_HASH, 4), dtype=np.float32)).to(device)


def lattice_noise(point: Tensor) -> Tensor:
    """Return smooth noise, B x 4 x N in -1..1, at B x 3 x N points; it repeats every `SIZE`."""
    whole = point.floor()
    part = point - whole
    place = torch.remainder(whole, SIZE) + part * part * (3.0 - 2.0 * part)
    grid = (place * (2.0 / SIZE) - 1.0).transpose(1, 2)[:, :, None, None]
    volume = _volume(point.device).expand(len(point), -1, -1, -1, -1)
    return F.grid_sample(volume, grid, align_corners=True, padding_mode="border")[..., 0, 0]


def cell_random(u: Tensor, v: Tensor) -> Tensor:
    """Return four random numbers in 0..1 for each cell. u, v: B x N whole numbers; result: B x 4 x N."""
    shuffled, values = _tables(u.device)
    first = shuffled[torch.remainder(u, _HASH).long()]
    second = shuffled[torch.remainder(first + torch.remainder(v, _HASH).long(), _HASH)]
    return values[second].movedim(-1, 1)
