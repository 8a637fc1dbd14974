# SPDX-License-Identifier: Apache-2.0
"""How wrong disparities are, in the figures of the literature: of one image, and of many as a leaderboard."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.datasets.dataset import Averaging, StereoSample
from foundation_stereo_ros.shapes import Mask, ShiftMap

NAMES = ("epe", "bp1", "bp2", "bp3", "d1")
"""Of the figures; see `error_metrics`."""

REGIONS = ("all", "noc")
"""All pixels with ground truth, and those of them that both cameras see."""

Errors = dict[str, dict[str, float]]
"""Region -> name of `metrics.NAMES` -> pixels or per cent; NaN where the region has no pixel."""


def error_metrics(estimate: Tensor, truth: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Compare disparities where mask is true.

    Args:
        estimate, truth: pixels, same shape.
        mask: bool, same shape.

    Returns:
        ``epe``: mean absolute error, pixels. ``bp1``, ``bp2``, ``bp3``: per cent of pixels off by more than
        1, 2, 3. ``d1``: per cent off by more than 3 pixels and 5 % of the truth (KITTI). Tensors without
        dimensions; NaN where the mask is empty.
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


@dataclass(frozen=True)
class MethodScore:
    """Of one method on one image; ``seconds`` and ``peak_bytes`` are NaN and 0 where not measured."""

    errors: Errors
    seconds: float = math.nan
    peak_bytes: int = 0


@dataclass(frozen=True)
class ImageScore:
    """Of all methods on one image.

    Attributes:
        name: of the image.
        width, height: pixels.
        weight: in the leaderboard's average.
        pixels: region -> how many were compared; a region that the dataset does not know is missing.
        methods: name -> score.
    """

    name: str
    width: int
    height: int
    weight: float
    pixels: Mapping[str, int]
    methods: Mapping[str, MethodScore]


def compared(sample: StereoSample, max_disparity: float) -> dict[str, Mask]:
    """Return the pixels of each region whose truth is known and less than ``max_disparity``."""
    with np.errstate(invalid="ignore"):
        known = np.isfinite(sample.disparity) & (sample.disparity < max_disparity)
    regions = {"all": known}
    if sample.nonoccluded is not None:
        regions["noc"] = known & sample.nonoccluded
    return regions


def errors_of(estimate: ShiftMap, truth: ShiftMap, regions: Mapping[str, Mask]) -> Errors:
    """Compare a dense estimate with the truth; all arrays H x W."""
    # Doubles: a mean over millions of pixels in single precision is off in the figures that are printed.
    first, second = (torch.from_numpy(values.astype(np.float64)) for values in (estimate, truth))
    found = {name: error_metrics(first, second, torch.from_numpy(mask)) for name, mask in regions.items()}
    return {
        region: {name: float(value) for name, value in metrics.items()} for region, metrics in found.items()
    }


def leaderboard_average(images: Sequence[ImageScore], method: str, averaging: Averaging) -> Errors:
    """Return the mean of each figure, as a leaderboard makes it.

    Images without a pixel in a region do not count there, and a region that no image has is missing.

    Args:
        images: scores.
        method: whose figures.
        averaging: what counts the same: images, pixels, or images by their weight.
    """
    means: Errors = {}
    for region in REGIONS:
        counted = [image for image in images if image.pixels.get(region)]
        if counted:
            weights = [_weight(image, region, averaging) for image in counted]
            listed = [image.methods[method].errors[region] for image in counted]
            means[region] = {
                name: sum(w * errors[name] for w, errors in zip(weights, listed, strict=True)) / sum(weights)
                for name in NAMES
            }
    return means


def mean_seconds(images: Sequence[ImageScore], method: str) -> float:
    """Return the mean time of an image in seconds; NaN where none was measured."""
    return float(np.mean([image.methods[method].seconds for image in images])) if images else math.nan


def peak_bytes(images: Sequence[ImageScore], method: str) -> int:
    """Return the most memory that an image took, 0 where none was measured."""
    return max((image.methods[method].peak_bytes for image in images), default=0)


def _weight(image: ImageScore, region: str, averaging: Averaging) -> float:
    if averaging == "pixels":
        return float(image.pixels[region])
    return image.weight if averaging == "weights" else 1.0
