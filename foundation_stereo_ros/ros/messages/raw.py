# SPDX-License-Identifier: Apache-2.0
"""The bytes of a message as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.protocols import Image


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
    """Return the pixels of an Image as they lie in its data: padding skipped, in the byte order it declares.

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
    width, height, step = int(message.width), rows or int(message.height), int(message.step)
    name = f"{message.encoding} image of {width} x {message.height} pixels"
    if width <= 0 or height <= 0:
        raise ImageError(f"{name}; expected a positive size")
    row = width * channels * dtype.itemsize
    if step < row:
        raise ImageError(f"{name} has a step of {step} bytes; expected at least {row}")
    data = byte_view(message.data)
    # Some drivers leave out the padding of the last row.
    needed = step * (height - 1) + row
    if data.size < needed:
        raise ImageError(f"{name}, step {step}, has {data.size} bytes of data; expected {step * height}")
    order = dtype.newbyteorder(">" if message.is_bigendian else "<")
    strides = (step, channels * dtype.itemsize, dtype.itemsize)
    pixels: npt.NDArray[Any] = np.ndarray((height, width, channels), order, data, 0, strides)
    return pixels
