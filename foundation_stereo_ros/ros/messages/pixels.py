# SPDX-License-Identifier: Apache-2.0
"""The bytes of a message as arrays, and values of any layout as red, green and blue bytes."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.ros.messages.protocols import Image
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


def byte_view(data: Any) -> npt.NDArray[np.uint8]:
    """Return the bytes of a ``data`` field as (n,) uint8, without a copy where the library allows.

    Args:
        data: uint8 array (rosbags), array.array (rclpy), bytes, bytearray, memoryview, or a sequence of ints.
    """
    if isinstance(data, np.ndarray):
        return np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    try:
        return np.asarray(memoryview(data).cast("B"))
    except TypeError:
        return np.asarray(memoryview(bytes(data)))


def raw_pixels(message: Image, dtype: np.dtype[Any], channels: int, rows: int = 0) -> npt.NDArray[Any]:
    """Return the pixels of an Image as they are in its data: padding skipped, in the byte order it declares.

    Args:
        message: a sensor_msgs/Image.
        dtype: of one value.
        channels: values a pixel.
        rows: where the data holds another number of rows than ``height``.

    Returns:
        rows x width x channels; a view that may be read-only, of either byte order.

    Raises:
        ImageError: an empty image, a ``step`` shorter than a row, or too little data.
    """
    width, height = int(message.width), rows or int(message.height)
    data = _checked(message, width * channels * dtype.itemsize, height)
    order = dtype.newbyteorder(">" if message.is_bigendian else "<")
    strides = (int(message.step), channels * dtype.itemsize, dtype.itemsize)
    pixels: npt.NDArray[Any] = np.ndarray((height, width, channels), order, data, 0, strides)
    return pixels


def packed_pixels(message: Image, bits: int) -> npt.NDArray[np.uint16]:
    """Return the pixels of an Image whose values lie in a row without a gap, lowest bits first (PFNC).

    Args:
        message: a sensor_msgs/Image.
        bits: of a value, 8 to 16.

    Returns:
        H x W x 1.

    Raises:
        ImageError: as `raw_pixels`.
    """
    width, height = int(message.width), int(message.height)
    row = (width * bits + 7) // 8
    rows = np.ndarray((height, row), np.uint8, _checked(message, row, height), 0, (int(message.step), 1))
    first = np.arange(width) * bits
    # A value begins within one byte and ends at the latest two bytes on.
    wide = np.pad(rows, ((0, 0), (0, 2))).astype(np.uint32)
    at = first >> 3
    values = (wide[:, at] | wide[:, at + 1] << 8 | wide[:, at + 2] << 16) >> (first & 7).astype(np.uint32)
    return np.asarray(values & ((1 << bits) - 1), np.uint16)[..., None]


def _checked(message: Image, row: int, height: int) -> npt.NDArray[np.uint8]:
    """Return the data of an Image whose rows take so many bytes, where it is all there."""
    step, name = int(message.step), f"{message.encoding} image of {message.width} x {message.height} pixels"
    if message.width <= 0 or height <= 0:
        raise ImageError(f"{name}; expected a positive size")
    if step < row:
        raise ImageError(f"{name} has a step of {step} bytes; expected at least {row}")
    data = byte_view(message.data)
    # Some drivers leave out the padding of the last row.
    if data.size < step * (height - 1) + row:
        raise ImageError(f"{name}, step {step}, has {data.size} bytes of data; expected {step * height}")
    return data


def stated_bits(encoding: str) -> int:
    """Return the bits of a value, where an encoding says so, as ``mono12`` and ``mono12p``; otherwise 0."""
    found = re.fullmatch(r"(?:mono|rgba?|bgra?|bayer_[rgb]{4})(1[024])p?", encoding)
    return int(found[1]) if found else 0


def to_eight_bits(pixels: npt.NDArray[Any], depth: BitDepth | None, encoding: str) -> Pixels:
    """Return the bytes of pixels, those of 16 bits stretched by their depth.

    Args:
        pixels: H x W or H x W x channels, of either byte order.
        depth: of the stream, which takes these pixels into account; None: they are all there is.
        encoding: may state the depth.
    """
    if pixels.dtype.itemsize == 1:
        return pixels
    depth = depth or BitDepth()
    # OpenCV misreads rows whose step is no multiple of a value's size.
    native = np.require(pixels, pixels.dtype.newbyteorder("="), ["C", "A"])
    depth.note(native, stated_bits(encoding))
    return depth.to_eight(native)


def convert(pixels: Pixels, code: int | None) -> RgbImage:
    """Return a contiguous array of its own, converted to RGB; None: it is RGB already."""
    if code is None:
        return np.array(pixels, order="C", copy=True)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), code), np.uint8)
