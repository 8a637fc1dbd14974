# SPDX-License-Identifier: Apache-2.0
"""Depth images (REP 118)."""

from __future__ import annotations

from typing import Any

import numpy as np

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.ros.messages.pixels import raw_pixels
from foundation_stereo_ros.ros.messages.protocols import Header, Image
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.shapes import DepthMap

MILLIMETRES_MAX = np.iinfo(np.uint16).max


def encode_depth(types: MessageTypes, header: Header, depth: DepthMap, encoding: str = "32FC1") -> Any:
    """Return a depth image.

    Args:
        types: classes to build.
        header: the left image's.
        depth: H x W, metres; NaN where unknown.
        encoding: ``32FC1``: metres, NaN where unknown. ``16UC1``: millimetres, 0 where unknown, and beyond
            65.535 m, which 16 bits cannot tell.

    Raises:
        ImageError: another encoding.
    """
    if encoding == "32FC1":
        return encode_image(types, header, depth.astype(np.float32, copy=False), encoding)
    if encoding != "16UC1":
        raise ImageError(f"depth encoding is {encoding!r}; expected '32FC1' or '16UC1'")
    # In double, so that no depth is too great for the product.
    millimetres = np.rint(depth * np.float64(1000))
    # NaN compares false, so that it ends as 0 too.
    in_range = (millimetres >= 0) & (millimetres <= MILLIMETRES_MAX)
    return encode_image(types, header, np.where(in_range, millimetres, 0).astype(np.uint16), encoding)


def decode_depth(message: Image) -> DepthMap:
    """Return H x W metres of a depth image, NaN where unknown.

    Raises:
        ImageError: an encoding that is no depth, or too little data.
    """
    if message.encoding in ("16UC1", "mono16"):
        millimetres = raw_pixels(message, np.dtype(np.uint16), 1)[..., 0]
        return np.where(millimetres > 0, millimetres.astype(np.float32) / 1000, np.float32(np.nan))
    if message.encoding != "32FC1":
        raise ImageError(f"depth has encoding {message.encoding!r}; expected '32FC1' or '16UC1'")
    return raw_pixels(message, np.dtype(np.float32), 1)[..., 0].astype(np.float32)
