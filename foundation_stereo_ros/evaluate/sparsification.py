# SPDX-License-Identifier: Apache-2.0
"""How well a confidence tells where a depth map is wrong."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.evaluate.depth_metrics import compared
from foundation_stereo_ros.shapes import DepthMap

Values = npt.NDArray[np.float64]


def ause(confidence: DepthMap, predicted: DepthMap, truth: DepthMap, most: float = math.inf) -> float:
    """Return the area under the sparsification error: 0 for a perfect order of pixels, 1 for a random one.

    The pixels of least confidence are taken away step by step; the mean |error| / truth of those left is a
    curve. The area between this curve and that of an order by true errors is given as a share of the area
    between the curve of a random order (the mean error everywhere) and that one. Pixels of equal confidence
    count as in random order. (Ilg et al., ECCV 2018, with the normalisation by a random order.)

    Args:
        confidence: H x W, any scale; more is surer; NaN where unknown counts as least sure.
        predicted, truth, most: see `depth_errors`.

    Returns:
        0 or more, above 1 if errors have more confidence than the rest; NaN where fewer than two pixels can
        be compared, or all are equally wrong.
    """
    truth, both, _ = compared(predicted, truth, most)
    depth, wanted = predicted[both].astype(np.float64), truth[both].astype(np.float64)
    errors = np.abs(depth - wanted) / wanted
    order = np.nan_to_num(confidence[both].astype(np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    if errors.size < 2:
        return math.nan
    best, average = _area(errors, -errors), float(errors.mean())
    if average - best <= 1e-12 * average:
        return math.nan
    return (_area(errors, order) - best) / (average - best)


def _area(errors: Values, order: Values) -> float:
    """Return the mean over n of the mean error of the n first pixels in falling order."""
    ranks, place, counts = np.unique(-order, return_inverse=True, return_counts=True)
    sums = np.bincount(place.ravel(), errors, len(ranks))
    expected = np.repeat(sums / counts, counts)  # of equal ones, in random order
    return float((np.cumsum(expected) / np.arange(1, errors.size + 1)).mean())
