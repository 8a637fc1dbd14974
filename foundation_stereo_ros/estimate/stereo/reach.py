# SPDX-License-Identifier: Apache-2.0
"""Things so near that their disparity is beyond the network's largest: found without it, in small images.

What the network says there is no help. It gives some smaller disparity, rarely one near the end of its range,
and is sure of it. Semi-global matching of images about 80 pixels wide searches three times as far.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.shapes import Mask, RgbImage, ShiftMap

_Map = npt.NDArray[np.float32]

_WIDTH, _STEP = 80, 4
"""The small images: at most so wide, and at least so many times smaller."""

_FARTHER, _SHARE = 3.0, 0.75
"""Largest disparity that is searched: of the network's, and of the width."""

_BEYOND = 1.02
"""Of the network's largest disparity: from there on a match is beyond."""

_LEAST = 12
"""Small pixels that something near has at least."""

_BETTER = 0.75
"""Its match differs at most by so much of what the network's does, on average."""

_UNSEEN = 1.1
"""Columns, of the network's largest disparity, in which something beyond is not in the right image."""

_BLOCK, _SMALL_STEP, _STEP_COST, _JUMP_COST, _UNIQUE = 3, 16, 72, 288, 5


class CoarseMatch:
    """A pair matched at small size, up to disparities that the network cannot tell.

    Takes a few milliseconds, and needs no result of the network: the two can be done side by side.

    Args:
        left: H x W x 3.
        right: the same size.
        reach: the network's largest disparity in these images, pixels; see `reaches_everything`.

    Attributes:
        reach: as given.
    """

    def __init__(self, left: RgbImage, right: RgbImage, reach: float) -> None:
        height, width = left.shape[:2]
        ratio = min(_WIDTH / width, 1 / _STEP)
        size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        self._ratio = size[0] / width
        self.reach = reach
        self._reach = reach * self._ratio
        self._left, self._right = (_shrunk(image, size) for image in (left, right))
        farthest = min(_FARTHER * self._reach, _SHARE * size[0])
        self._disparity = _matched(self._left, self._right, -(-int(farthest) // _SMALL_STEP) * _SMALL_STEP)

    def beyond(self, shift: ShiftMap) -> tuple[Mask, float]:
        """Tell where something is nearer than the network can tell.

        Args:
            shift: H x W, what the network found, pixels.

        Returns:
            h x w of the small images; and the disparity that nearly all of it is below, pixels of the images.
        """
        size = (self._left.shape[1], self._left.shape[0])
        told = cv2.resize(shift, size, interpolation=cv2.INTER_NEAREST) * np.float32(self._ratio)
        near = self._disparity > self._reach * _BEYOND
        own, other = (_difference(self._left, self._right, d) for d in (self._disparity, told))
        joined = cv2.morphologyEx(near.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        count, parts = cv2.connectedComponents(joined, connectivity=4)
        sizes, own_sums, other_sums = (
            np.bincount(parts[near], values[near], minlength=count)
            for values in (np.ones_like(own), own, other)
        )
        kept = (sizes >= _LEAST) & (own_sums < _BETTER * other_sums)
        kept[0] = False
        found = kept[parts]
        if not found.any():
            return found, 0.0
        return self._with_unseen(found), float(np.percentile(self._disparity[found & near], 95)) / self._ratio

    def _with_unseen(self, found: Mask) -> Mask:
        """Add what touches it at the left border, where nothing so near is in the right image."""
        columns = np.arange(found.shape[1])
        unseen = (self._disparity < 0) & (columns < self._reach * _UNSEEN)
        count, parts = cv2.connectedComponents((found | unseen).astype(np.uint8), connectivity=4)
        touching = np.zeros(count, np.bool_)
        touching[parts[found]] = True
        return np.asarray(touching[parts], np.bool_)


def reaches_everything(width: int, reach: float) -> bool:
    """Tell whether nothing beyond the network's largest disparity could be found in images so wide."""
    return reach * _BEYOND >= _SHARE * width


def _shrunk(image: RgbImage, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _matched(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8], disparities: int) -> _Map:
    """Return disparities, negative where there is no certain one."""
    matcher = cv2.StereoSGBM.create(
        0,
        disparities,
        _BLOCK,
        P1=_STEP_COST,
        P2=_JUMP_COST,
        disp12MaxDiff=1,
        preFilterCap=31,
        uniquenessRatio=_UNIQUE,
        mode=cv2.StereoSGBM_MODE_SGBM_3WAY,
    )
    # OpenCV leaves out as many columns as there are disparities.
    padded = (cv2.copyMakeBorder(x, 0, 0, disparities, 0, cv2.BORDER_REPLICATE) for x in (left, right))
    return np.asarray(matcher.compute(*padded)[:, disparities:] / np.float32(16), np.float32)


def _difference(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8], disparity: _Map) -> _Map:
    """Return how much the right image differs at the counterparts, but for the brightness around."""
    height, width = left.shape
    x = np.arange(width, dtype=np.float32) - disparity
    y = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], x.shape)
    other = cv2.remap(right, x, np.ascontiguousarray(y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = left.astype(np.float32) - other
    difference -= cv2.blur(difference, (5, 5))
    return np.asarray(cv2.blur(np.abs(difference), (3, 3)), np.float32)
