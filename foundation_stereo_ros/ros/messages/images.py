# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/Image: every encoding of a camera to RGB, and arrays to images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.ros.messages.compressed import decode_compressed
from foundation_stereo_ros.ros.messages.pixels import (
    BAYER,
    CHANNELS,
    YUV,
    convert,
    packed_pixels,
    raw_pixels,
    to_eight_bits,
)
from foundation_stereo_ros.ros.messages.protocols import CompressedImage, Header, Image
from foundation_stereo_ros.ros.messages.stamps import copy_header
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.shapes import RgbImage

_UINT8, _UINT16 = np.dtype(np.uint8), np.dtype(np.uint16)

_IN_SIXTEEN = (16, 10, 12, 14)
_PACKED = (10, 12, 14)

_Decoder = Callable[[Image, BitDepth | None], RgbImage]

_OUTPUTS: dict[str, tuple[npt.DTypeLike, int]] = {
    "mono8": (np.uint8, 1),
    "rgb8": (np.uint8, 3),
    "bgr8": (np.uint8, 3),
    "mono16": (np.uint16, 1),
    "16UC1": (np.uint16, 1),
    "32FC1": (np.float32, 1),
}
"""Encodings that `encode_image` writes -> type and channels."""


def decode_image(message: Image | CompressedImage, depth: BitDepth | None = None) -> RgbImage:
    """Return the picture of an Image or a CompressedImage.

    ``8UC3`` is taken as OpenCV's order, blue first.

    Args:
        message: of ROS or of a bag reader.
        depth: by which 16 bits are reduced to 8; takes this image into account. None: the image is alone.

    Returns:
        H x W x 3, red, green, blue; an array of its own.

    Raises:
        ImageError: an unknown encoding, an empty image, or data that is too short or damaged.
    """
    # By field, not by class: each library, and each recording, has classes of its own.
    if not hasattr(message, "encoding"):
        return decode_compressed(message, depth)
    image = cast("Image", message)
    if image.encoding not in _DECODERS:
        raise ImageError(f"image has encoding {image.encoding!r}; expected one of {', '.join(_DECODERS)}")
    return _DECODERS[image.encoding](image, depth)


def encode_image(types: MessageTypes, header: Header, array: npt.NDArray[Any], encoding: str) -> Any:
    """Return an Image without padding, little-endian.

    Args:
        types: classes to build.
        header: stamp and frame are copied.
        array: H x W, or H x W x channels.
        encoding: ``mono8``, ``rgb8``, ``bgr8``, ``mono16``, ``16UC1`` or ``32FC1``.

    Raises:
        ImageError: another encoding, or an array that does not fit it.
    """
    if encoding not in _OUTPUTS:
        raise ImageError(f"image encoding is {encoding!r}; expected one of {', '.join(_OUTPUTS)}")
    dtype, channels = _OUTPUTS[encoding]
    shape = array.shape if array.ndim == 3 else (*array.shape, 1)
    if array.dtype.newbyteorder("=") != dtype or len(shape) != 3 or shape[2] != channels:
        raise ImageError(
            f"{encoding} image is {array.dtype} {array.shape}; "
            f"expected {np.dtype(dtype)} with {channels} channels"
        )
    little = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
    height, width, _ = shape
    return types.Image(
        header=copy_header(types, header),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=width * channels * little.itemsize,
        data=types.buffer(little.reshape(-1).view(np.uint8)),
    )


def _plain(code: int | None, dtype: np.dtype[Any], channels: int) -> _Decoder:
    def decode(message: Image, depth: BitDepth | None) -> RgbImage:
        pixels = raw_pixels(message, dtype, channels)
        return convert(to_eight_bits(pixels, depth, message.encoding), code)

    return decode


def _mosaic(decoder: _Decoder) -> _Decoder:
    def decode(message: Image, depth: BitDepth | None) -> RgbImage:
        if message.width < 2 or message.height < 2:
            raise ImageError(
                f"{message.encoding} image is {message.width} x {message.height} pixels; "
                "expected 2 x 2 or more"
            )
        return decoder(message, depth)

    return decode


def _packed(code: int | None, bits: int) -> _Decoder:
    def decode(message: Image, depth: BitDepth | None) -> RgbImage:
        return convert(to_eight_bits(packed_pixels(message, bits), depth, message.encoding), code)

    return decode


def _packed_yuv(code: int) -> _Decoder:
    def decode(message: Image, depth: BitDepth | None) -> RgbImage:
        if message.width % 2:
            raise ImageError(
                f"{message.encoding} image is {message.width} pixels wide; expected an even width"
            )
        return convert(raw_pixels(message, _UINT8, 2), code)

    return decode


def _planar_yuv(code: int) -> _Decoder:
    def decode(message: Image, depth: BitDepth | None) -> RgbImage:
        if message.width % 2 or message.height % 2:
            raise ImageError(
                f"{message.encoding} image is {message.width} x {message.height} pixels; "
                "expected even numbers"
            )
        # Rows of colour, half as many, follow those of brightness.
        return convert(raw_pixels(message, _UINT8, 1, rows=message.height * 3 // 2), code)

    return decode


_DECODERS: dict[str, _Decoder] = {
    **{
        f"{order}8": _plain(code, _UINT8, len(order.replace("mono", "m"))) for order, code in CHANNELS.items()
    },
    **{
        f"{order}{bits}": _plain(code, _UINT16, len(order.replace("mono", "m")))
        for bits in _IN_SIXTEEN
        for order, code in CHANNELS.items()
    },
    **{f"mono{bits}p": _packed(CHANNELS["mono"], bits) for bits in _PACKED},
    **{f"bayer_{pattern}8": _mosaic(_plain(code, _UINT8, 1)) for pattern, code in BAYER.items()},
    **{
        f"bayer_{pattern}{bits}": _mosaic(_plain(code, _UINT16, 1))
        for bits in _IN_SIXTEEN
        for pattern, code in BAYER.items()
    },
    **{
        f"bayer_{pattern}{bits}p": _mosaic(_packed(code, bits))
        for bits in _PACKED
        for pattern, code in BAYER.items()
    },
    "yuv422": _packed_yuv(YUV["uyvy"]),
    "uyvy": _packed_yuv(YUV["uyvy"]),
    "yuv422_yuy2": _packed_yuv(YUV["yuy2"]),
    "yuyv": _packed_yuv(YUV["yuy2"]),
    "nv12": _planar_yuv(YUV["nv12"]),
    "nv21": _planar_yuv(YUV["nv21"]),
    "8UC1": _plain(CHANNELS["mono"], _UINT8, 1),
    "8UC3": _plain(CHANNELS["bgr"], _UINT8, 3),
    "16UC1": _plain(CHANNELS["mono"], _UINT16, 1),
}
"""Encoding (sensor_msgs/image_encodings.hpp, and those by which some drivers state 10, 12 or 14 bits, packed
without gaps where they end in ``p``) -> decoder."""
