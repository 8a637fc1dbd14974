# SPDX-License-Identifier: Apache-2.0
"""Numbers to colours: pictures of disparity, depth, error and confidence for people."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.shapes import DepthMap, DisparityMap, Mask, RgbImage

INVALID = (24, 24, 28)
"""Colour of pixels without a value: near black, which the colour map does not contain."""

_PERCENT = 2.0  # of the values that lie beyond either end of the colours
_ENOUGH = 20_000  # pixels for a percentile; all of them take longer to sort than the picture to paint

# Red, green, blue of the codes 0 (invalid) and 1 to 255 (low to high); OpenCV's own order is the other one.
_TURBO = np.ascontiguousarray(
    cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_TURBO)[..., ::-1]
)
_TURBO[0] = INVALID


class Range(NamedTuple):
    """The values at both ends of a colour map."""

    low: float
    high: float


def value_range(values: npt.NDArray[np.float32], valid: Mask, percent: float = _PERCENT) -> Range:
    """Return the range of the valid values without ``percent`` at either end; (0, 1) if there are none.

    Of large maps every n-th value is looked at, unless none of these is valid.
    """
    chosen = _some(values, valid)
    return _range_of(chosen, percent) if chosen.size else Range(0.0, 1.0)


def _range_of(chosen: npt.NDArray[np.float32], percent: float) -> Range:
    low, high = np.percentile(chosen, (percent, 100 - percent))
    return Range(float(low), float(max(high, low + 1e-6)))


def _some(values: npt.NDArray[np.float32], valid: Mask) -> npt.NDArray[np.float32]:
    """Return valid values: all of a small map, a part of a large one, none only where there is none."""
    for step in (max(1, values.size // _ENOUGH), 1):
        part, good = values.ravel()[::step], valid.ravel()[::step]
        chosen = part[good & np.isfinite(part)]
        if chosen.size:
            break
    return chosen


class SteadyRange:
    """A range for the frames of a video: follows the scene slowly, so that colours do not flicker."""

    def __init__(self, pace: float = 0.1) -> None:
        self.pace = pace
        self._range: Range | None = None

    def update(self, values: npt.NDArray[np.float32], valid: Mask) -> Range:
        """Take the next frame's values and return the range to colour them with."""
        chosen = _some(values, valid)
        if not chosen.size:
            return self._range or Range(0.0, 1.0)
        new = _range_of(chosen, _PERCENT)
        old = self._range or new
        low = old.low + self.pace * (new.low - old.low)
        self._range = Range(low, max(old.high + self.pace * (new.high - old.high), low + 1e-6))
        return self._range


def colorize(
    values: npt.NDArray[np.float32], valid: Mask, limits: Range, *, reverse: bool = False
) -> RgbImage:
    """Paint H x W values with the TURBO map: blue at ``limits.low``, red at ``limits.high``, invalid dark.

    Args:
        values: H x W.
        valid: H x W; false or non-finite pixels are dark.
        limits: values beyond take the colour of the end.
        reverse: red at the low end.
    """
    good = valid & np.isfinite(values)
    clipped = np.clip(np.asarray(values, np.float32), limits.low, limits.high)
    scale = (-254 if reverse else 254) / max(limits.high - limits.low, 1e-9)
    start = 1 - scale * (limits.high if reverse else limits.low)
    # Scaled and rounded in one pass.
    codes = cv2.addWeighted(clipped, scale, clipped, 0, start, dtype=cv2.CV_8U)
    return np.asarray(cv2.applyColorMap(codes * good.view(np.uint8), _TURBO), np.uint8)


def colorize_disparity(disparity: DisparityMap, valid: Mask, limits: Range | None = None) -> RgbImage:
    """Paint disparity, near red and far blue; ``limits`` in pixels, None: those of this map."""
    return colorize(disparity, valid, limits or value_range(disparity, valid))


def colorize_depth(depth: DepthMap, limits: Range | None = None) -> RgbImage:
    """Paint depth, near red and far blue; ``limits`` in metres, None: those of this map."""
    valid = np.isfinite(depth)
    return colorize(depth, valid, limits or value_range(depth, valid), reverse=True)


def turbo_stops(count: int = 9) -> list[str]:
    """Return ``count`` colours of the map from low to high as ``#rrggbb``, for a legend."""
    codes = np.linspace(0, 255, count).astype(np.uint8)[None]
    colors = cv2.applyColorMap(codes, cv2.COLORMAP_TURBO)[0, :, ::-1]
    return ["#{:02x}{:02x}{:02x}".format(*color) for color in colors.tolist()]
