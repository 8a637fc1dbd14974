# SPDX-License-Identifier: Apache-2.0
"""Errors of one image, and what a leaderboard makes of many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from foundation_stereo_ros.datasets.dataset import Averaging, StereoSample
from foundation_stereo_ros.evaluate.metrics import NAMES, error_metrics
from foundation_stereo_ros.shapes import Mask, ShiftMap

REGIONS = ("all", "noc")
"""All pixels with ground truth, and those of them that both cameras see."""

Errors = dict[str, dict[str, float]]
"""Region -> name of `metrics.NAMES` -> pixels or per cent; NaN where the region has no pixel."""


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


def average(images: Sequence[ImageScore], method: str, averaging: Averaging) -> Errors:
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
