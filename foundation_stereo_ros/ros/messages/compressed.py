# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/CompressedImage."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.io.image_size import image_size, too_large
from foundation_stereo_ros.io.pictures import decode_image_file
from foundation_stereo_ros.limits import SETTING
from foundation_stereo_ros.ros.messages.pixels import (
    BAYER,
    CHANNELS,
    byte_view,
    convert,
    to_eight_bits,
)
from foundation_stereo_ros.ros.messages.protocols import CompressedImage
from foundation_stereo_ros.shapes import RgbImage

_CODECS = ("jpeg", "jpg", "png", "tiff", "webp", "bmp")
_KNOWN = "jpeg, png, tiff, webp, bmp, alone or as 'bgr8; jpeg compressed bgr8'"
_ORDER = {1: "mono", 3: "bgr", 4: "bgra"}


def decode_compressed(message: CompressedImage, depth: BitDepth | None = None) -> RgbImage:
    """Return the picture of a CompressedImage.

    The file itself says what its channels are; of ``format`` only a Bayer pattern is used (the colours of a
    mosaic that was compressed as a grey picture), and bits that it states.

    Args:
        message: of ROS or of a bag reader.
        depth: see `images.decode_image`.

    Returns:
        H x W x 3.

    Raises:
        ImageError: a format that is no picture (compressedDepth, video), or damaged data.
    """
    text = str(message.format)
    words = re.split(r"[^a-z0-9_]+", text.lower())
    if "compresseddepth" in words:
        raise ImageError(f"compressed image has format {text!r}, which is depth; expected {_KNOWN}")
    if not any(word in _CODECS for word in words):
        raise ImageError(f"compressed image has format {text!r}; expected {_KNOWN}")
    pixels = _decode_file(byte_view(message.data), text)
    pixels = to_eight_bits(pixels, depth, words[0])
    if pixels.dtype != np.uint8 or (pixels.ndim == 3 and pixels.shape[2] not in _ORDER):
        raise ImageError(
            f"compressed image ({text!r}) holds {pixels.dtype} {pixels.shape}; "
            "expected a picture of 8 or 16 bits"
        )
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    pattern = re.match(r"bayer_([rgb]{4})(8|1[0246])", words[0])
    # The transport writes "compressed mono8" where it made grey of a mosaic, and no target where it kept it.
    if channels == 1 and pattern and pattern[1] in BAYER and "mono8" not in words:
        return convert(pixels, BAYER[pattern[1]])
    return convert(pixels, CHANNELS[_ORDER[channels]])


def _decode_file(data: npt.NDArray[np.uint8], text: str) -> Any:
    size = image_size(data.data)
    if size is not None and (problem := too_large(size)):
        raise ImageError(f"compressed image ({text!r}) {problem}", remedy=SETTING)
    pixels = decode_image_file(data) if size is not None else None
    if pixels is None:
        raise ImageError(f"compressed image ({text!r}) of {data.size} bytes cannot be decoded")
    return pixels
