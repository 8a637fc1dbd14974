# SPDX-License-Identifier: Apache-2.0
"""How wrong depth maps are, in the eight figures of the literature (since Eigen et al., NeurIPS 2014)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from foundation_stereo_ros.shapes import DepthMap, Mask

LEAST = 0.5
"""Metres: nearer truth is left out, as DeepVideoMVS does."""


class DepthErrors(NamedTuple):
    """Errors of one depth map, over the pixels that have truth and a prediction.

    Attributes:
        absolute: mean absolute error, metres.
        relative: mean of |error| / truth.
        inverse: mean absolute error of 1/depth, 1/m.
        squared: mean of error^2 / truth, metres.
        rmse: root of the mean squared error, metres.
        within_1, within_2, within_3: shares where max(truth / depth, depth / truth) is below 1.25, 1.25^2
            and 1.25^3.
        covered: share of the pixels with truth that have a prediction.
    """

    absolute: float
    relative: float
    inverse: float
    squared: float
    rmse: float
    within_1: float
    within_2: float
    within_3: float
    covered: float


def depth_errors(predicted: DepthMap, truth: DepthMap, most: float = math.inf) -> DepthErrors:
    """Compare a depth map with the truth, without any scaling.

    Args:
        predicted: H x W, metres; NaN where there is none.
        truth: metres; NaN or 0 where unknown; of another size it is brought to H x W by nearest neighbours.
        most: farther truth is left out, metres.

    Returns:
        The errors; NaN where no pixel has both.
    """
    truth, both, known = compared(predicted, truth, most)
    if not both.any():
        return DepthErrors._make([math.nan] * 8 + [0.0 if known.any() else math.nan])
    depth, wanted = predicted[both].astype(np.float64), truth[both].astype(np.float64)
    error, ratio = np.abs(depth - wanted), np.maximum(depth / wanted, wanted / depth)
    within = [float((ratio < 1.25**power).mean()) for power in (1, 2, 3)]
    return DepthErrors(
        absolute=float(error.mean()),
        relative=float((error / wanted).mean()),
        inverse=float(np.abs(1 / wanted - 1 / depth).mean()),
        squared=float((error**2 / wanted).mean()),
        rmse=float(np.sqrt((error**2).mean())),
        within_1=within[0],
        within_2=within[1],
        within_3=within[2],
        covered=float(both.sum() / known.sum()),
    )


def compared(predicted: DepthMap, truth: DepthMap, most: float) -> tuple[DepthMap, Mask, Mask]:
    """Return the truth on the prediction's grid, the pixels that have both, and those that have truth.

    Args:
        predicted, truth, most: see `depth_errors`.
    """
    height, width = predicted.shape
    if truth.shape != predicted.shape:
        truth = np.asarray(cv2.resize(truth, (width, height), interpolation=cv2.INTER_NEAREST), np.float32)
    with np.errstate(invalid="ignore"):
        known = (truth >= LEAST) & (truth <= most)
        both = known & np.isfinite(predicted) & (predicted > 0)
    return truth, both, known


def mean_errors(found: Iterable[DepthErrors]) -> DepthErrors:
    """Return the mean over frames; frames without a pixel are left out."""
    table = np.array(list(found), np.float64).reshape(-1, len(DepthErrors._fields))
    with np.errstate(invalid="ignore"):
        counts = np.isfinite(table).sum(axis=0)
        sums = np.nansum(table, axis=0)
    return DepthErrors(*(float(s / n) if n else math.nan for s, n in zip(sums, counts, strict=True)))
