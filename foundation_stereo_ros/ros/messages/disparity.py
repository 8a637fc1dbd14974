# SPDX-License-Identifier: Apache-2.0
"""stereo_msgs/DisparityImage."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.ros.messages.pixels import raw_pixels
from foundation_stereo_ros.ros.messages.protocols import DisparityImage, Header
from foundation_stereo_ros.ros.messages.stamps import copy_header
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.shapes import DisparityMap, Mask

_LARGEST = np.finfo(np.float32).max

INVALID = -1.0
"""Pixels without disparity. min_disparity is never negative, so that this is below it; NaN would pass the
test ``d < min or d > max`` of consumers."""


class DisparityValues(NamedTuple):
    """What a DisparityImage holds.

    Attributes:
        disparity: H x W, pixels.
        valid: H x W; the disparity lies within the message's bounds.
        focal: pixels.
        baseline: metres.
    """

    disparity: DisparityMap
    valid: Mask
    focal: float
    baseline: float


def encode_disparity(
    types: MessageTypes,
    header: Header,
    disparity: DisparityMap,
    valid: Mask,
    stereo: StereoRig,
    z_near: float,
    z_far: float,
    reach: float | None = None,
) -> Any:
    """Return a DisparityImage with Z = f * t / d for every pixel between its bounds.

    ``delta_d`` is the step of float32 at ``max_disparity``: nothing coarser rounds the network's output. It
    tells the resolution, as the message defines it, and not the error.

    Args:
        types: classes to build.
        header: the left image's.
        disparity: H x W, pixels, x_left - x_right - (cx_left - cx_right): the principal points' difference
            is not taken off again here.
        valid: H x W; elsewhere `INVALID` is written.
        stereo: cameras of this grid.
        z_near: metres, least depth of interest, greater than 0.
        z_far: metres, greatest one; may be infinite.
        reach: pixels, greatest disparity that could be found; None: any.

    Raises:
        ImageError: the arrays do not have the cameras' size.
        ConfigError: ``z_near`` is not positive, or ``z_far`` is not greater.
    """
    if not 0 < z_near < z_far:
        raise ConfigError(f"z_near is {z_near} and z_far {z_far}; expected 0 < z_near < z_far")
    size = (stereo.left.height, stereo.left.width)
    if disparity.shape != size or valid.shape != size:
        raise ImageError(f"disparity is {disparity.shape} and valid {valid.shape}; expected {size}")
    # A NaN compares false: it is not valid whatever the mask says.
    good = valid & (disparity > 0) & (disparity < np.inf)
    picture = np.full(size, np.float32(INVALID))
    cv2.copyTo(disparity.astype(np.float32, copy=False), good.view(np.uint8), picture)
    low, high = _bounds(picture, good, stereo, z_near, z_far, reach)
    return types.DisparityImage(
        header=copy_header(types, header),
        image=encode_image(types, header, picture, "32FC1"),
        f=float(stereo.left.fx),
        t=float(stereo.baseline),
        valid_window=_valid_window(types, good, low + stereo.doffs, high + stereo.doffs),
        min_disparity=low,
        max_disparity=high,
        delta_d=float(
            np.spacing(min(np.float32(high), _LARGEST / 2))
        ),  # the step above the largest is infinite
    )


def decode_disparity(message: DisparityImage) -> DisparityValues:
    """Return the values of a DisparityImage of ROS 2 or ROS 1 (whose baseline is ``T``).

    Raises:
        ImageError: its image is not 32FC1, or has too little data.
    """
    if message.image.encoding != "32FC1":
        raise ImageError(f"disparity has encoding {message.image.encoding!r}; expected '32FC1'")
    disparity = raw_pixels(message.image, np.dtype(np.float32), 1)[..., 0].astype(np.float32)
    valid = (disparity >= message.min_disparity) & (disparity <= message.max_disparity)
    baseline = getattr(message, "t", None)
    if baseline is None:
        baseline = message.T  # type: ignore[attr-defined]
    return DisparityValues(disparity, valid, float(message.f), float(baseline))


def _bounds(
    picture: DisparityMap, good: Mask, stereo: StereoRig, z_near: float, z_far: float, reach: float | None
) -> tuple[float, float]:
    """Return the limits of the disparities between the two depths that can be found, widened to what is in
    the picture."""
    product = stereo.left.fx * stereo.baseline
    # In float32, as they are sent: rounding must not leave a valid pixel outside.
    low, high = np.float32(product / z_far), np.float32(product / z_near)
    if reach is not None:
        high = max(low, min(high, np.float32(reach)))
    if good.any():
        least, greatest, _, _ = cv2.minMaxLoc(picture, good.view(np.uint8))
        low, high = min(low, np.float32(least)), max(high, np.float32(greatest))
    return float(low), float(high)


def _valid_window(types: MessageTypes, good: Mask, least_shift: float, greatest_shift: float) -> Any:
    """Return the columns whose counterpart can lie in the right image, and all rows.

    A left column x has it at x - shift, where shift = disparity + doffs. Columns that are valid all the same
    are kept: the caller may not ask for a counterpart.
    """
    height, width = good.shape
    first = min(max(0, math.ceil(least_shift)), width - 1)
    last = max(min(width - 1, width - 1 + math.floor(greatest_shift)), first)
    columns = np.flatnonzero(good.any(axis=0))
    if columns.size:
        first, last = min(first, int(columns[0])), max(last, int(columns[-1]))
    return types.RegionOfInterest(
        x_offset=first, y_offset=0, height=height, width=last - first + 1, do_rectify=False
    )
