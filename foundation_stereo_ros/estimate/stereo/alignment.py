# SPDX-License-Identifier: Apache-2.0
"""How the rows and the sides of two images go together, from a few hundred corners found in both."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.estimate.grid import scaled_size
from foundation_stereo_ros.shapes import RgbImage

Points = npt.NDArray[np.float64]

_WIDTH = 640
"""Images are shrunk to this width at most: a bounded cost, and still a fraction of a row."""

_CORNERS = 500
_DISTINCT = 0.8
"""A corner counts where its best counterpart is so much more alike than the second best: patterns that repeat
have several good ones."""

_NEAR = 1.5
"""Pixels of the shrunk images within which corners agree."""

_LEAST = 40
"""Corners that have to agree before anything is said ..."""

_AGREEING = 0.5
"""... which is at least so much of all that have a counterpart ..."""

_CELLS, _COVERED = 4, 5
"""... and lie in so many cells of a grid of 4 x 4."""

_SAMPLES, _APART = 60, 0.05


class Alignment(NamedTuple):
    """What corners found in both images say. Rows and columns are pixels of the full images.

    Attributes:
        corners: how many agree.
        low, rows, high: by how many rows what the right image shows lies lower than in the left one: of
            nearly all corners the least, their median, and of nearly all of them the most.
        behind, before: shares of the corners, 0 to 1, whose disparity is clearly below 0, and above.
        pixel: size of a pixel of the images in which this was measured.
    """

    corners: int
    low: float
    rows: float
    high: float
    behind: float
    before: float
    pixel: float


def measure_alignment(left: RgbImage, right: RgbImage, doffs: float = 0.0) -> Alignment | None:
    """Compare a pair that should be rectified.

    Args:
        left: H x W x 3.
        right: the same size.
        doffs: cx_left - cx_right, pixels: the shift of what is infinitely far.

    Returns:
        None where the images show too little, or nothing consistent, as where they are of different scenes.
    """
    height, width = left.shape[:2]
    ratio = min(1.0, _WIDTH / width)
    ours, theirs = _counterparts(_grey(left, ratio), _grey(right, ratio))
    if len(ours) < _LEAST:
        return None
    middle = np.array([(width * ratio - 1) / 2, (height * ratio - 1) / 2])
    lower = theirs[:, 1] - ours[:, 1]
    fitted = _fitted((ours - middle) / middle[0], lower)
    agreeing = np.abs(lower - fitted) < _NEAR
    cells = {(int(x), int(y)) for x, y in ours[agreeing] * _CELLS / (2 * middle + 1)}
    if agreeing.sum() < max(_LEAST, _AGREEING * len(ours)) or len(cells) < _COVERED:
        return None
    low, rows, high = np.percentile(fitted[agreeing], (5, 50, 95)) / ratio
    disparity = (ours - theirs)[agreeing, 0] / ratio - doffs
    behind, before = (float(np.mean(sign * disparity > _NEAR / ratio)) for sign in (-1, 1))
    return Alignment(int(agreeing.sum()), float(low), float(rows), float(high), behind, before, 1 / ratio)


def _grey(image: RgbImage, ratio: float) -> npt.NDArray[np.uint8]:
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    if ratio < 1:
        size = scaled_size((grey.shape[1], grey.shape[0]), ratio)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def _counterparts(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> tuple[Points, Points]:
    """Return corners of the left image, N x 2 (x, y), and where the right one shows them."""
    detector = cv2.ORB.create(_CORNERS, nlevels=2, fastThreshold=10)
    (ours, first), (theirs, second) = (detector.detectAndCompute(grey, None) for grey in (left, right))
    if first is None or second is None or len(theirs) < 2:
        return np.empty((0, 2)), np.empty((0, 2))
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
    back = {match.queryIdx: match.trainIdx for match in matcher.match(second, first)}
    pairs = [
        (ours[best.queryIdx].pt, theirs[best.trainIdx].pt)
        for best, other in matcher.knnMatch(first, second, k=2)
        if best.distance < _DISTINCT * other.distance and back[best.trainIdx] == best.queryIdx
    ]
    both = np.array(pairs, np.float64).reshape(-1, 2, 2)
    return both[:, 0], both[:, 1]


def _fitted(places: Points, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return at each place, N x 2, the value of a smooth surface that most of the values are near.

    A plane from the best of some random samples, then a quadric: two lenses' distortions differ like one.
    """
    rng = np.random.default_rng(0)
    x, y = places.T
    linear = np.column_stack([np.ones(len(x)), x, y])
    quadric = np.column_stack([linear, x * x, x * y, y * y])
    best, most = np.full(len(x), np.median(values)), -1
    for _ in range(_SAMPLES):
        sample = rng.choice(len(values), 3, replace=False)
        if abs(np.linalg.det(linear[sample])) < _APART:
            continue
        fitted = linear @ np.linalg.solve(linear[sample], values[sample])
        count = int((np.abs(values - fitted) < _NEAR).sum())
        if count > most:
            best, most = fitted, count
    for terms, reach in ((linear, 2 * _NEAR), (quadric, 2 * _NEAR), (quadric, _NEAR), (quadric, _NEAR)):
        near = np.abs(values - best) < reach
        best = terms @ np.linalg.lstsq(terms[near], values[near], rcond=None)[0]
    return best
