# SPDX-License-Identifier: Apache-2.0
"""From what a pixel's numbers mean to red, green, blue of 8 bits."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.shapes import RgbImage

Pixels = npt.NDArray[np.uint8]

BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
"""ROS names a pattern by its upper left 2 x 2 pixels, OpenCV's names by the 2 x 2 one pixel further down and
right."""

CHANNELS = {
    "mono": cv2.COLOR_GRAY2RGB,
    "rgb": None,
    "bgr": cv2.COLOR_BGR2RGB,
    "rgba": cv2.COLOR_RGBA2RGB,
    "bgra": cv2.COLOR_BGRA2RGB,
}
"""Order of the channels -> OpenCV's conversion to RGB."""

YUV = {
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "nv12": cv2.COLOR_YUV2RGB_NV12,
    "nv21": cv2.COLOR_YUV2RGB_NV21,
}


def to_eight_bits(pixels: npt.NDArray[np.uint16]) -> Pixels:
    """Return 0 to 65535 as 0 to 255, rounded; the factor is fixed, so that video does not flicker."""
    wide = pixels.astype(np.uint32)
    wide += 128
    wide //= 257
    return wide.astype(np.uint8)


def convert(pixels: Pixels, code: int | None) -> RgbImage:
    """Return a contiguous array of its own, converted to RGB; None: it is RGB already."""
    if code is None:
        return np.array(pixels, order="C", copy=True)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), code), np.uint8)
