# SPDX-License-Identifier: Apache-2.0
"""How wrong a disparity map is, in the figures of the literature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

NAMES = ("epe", "bp1", "bp2", "bp3", "d1")


def error_metrics(estimate: Tensor, truth: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Compare disparities where mask is true.

    Args:
        estimate, truth: pixels, same shape.
        mask: bool, same shape.

    Returns:
        ``epe``: mean absolute error, pixels. ``bp1``, ``bp2``, ``bp3``: per cent of pixels off by more than
        1, 2, 3.
        ``d1``: per cent off by more than 3 pixels and 5 % of the truth (KITTI). Tensors without dimensions;
        NaN where
        the mask is empty.
    """
    error = (estimate - truth).abs()
    count = mask.sum().to(error.dtype)

    def mean(values: Tensor) -> Tensor:
        return torch.where(mask, values.to(error.dtype), torch.zeros_like(error)).sum() / count

    bad = {f"bp{bound}": 100.0 * mean(~(error <= bound)) for bound in (1, 2, 3)}
    outlier = ~((error <= 3.0) | (error <= 0.05 * truth.abs()))
    return {"epe": mean(error), **bad, "d1": 100.0 * mean(outlier)}


def average(metrics: Iterable[Mapping[str, Tensor]]) -> dict[str, float]:
    """Return the mean of each figure over pictures, those with an empty mask left out."""
    listed = list(metrics)
    return {
        name: float(torch.stack([m[name] for m in listed]).nanmean())
        for name in (listed[0] if listed else ())
    }
