# SPDX-License-Identifier: Apache-2.0
"""Images by cv_bridge where it works, by the package's own codec otherwise."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import Image

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.ros.messages.images import decode_image
from foundation_stereo_ros.shapes import RgbImage

_log = logging.getLogger(__name__)

Decode = Callable[[Any, BitDepth | None], RgbImage]

BRIDGED = {
    "mono8": 1,
    "rgb8": 3,
    "bgr8": 3,
    "rgba8": 4,
    "bgra8": 4,
    "bayer_rggb8": 1,
    "bayer_bggr8": 1,
    "bayer_gbrg8": 1,
    "bayer_grbg8": 1,
    "yuv422": 2,
}
"""Encodings left to cv_bridge -> bytes a pixel. Of the others it knows some in some distributions only
(yuv422_yuy2, nv12), refuses some (8UC1, 16UC1), and fails on big-endian ones with NumPy 2."""

_NUMPY_2 = b"numpy._core._multiarray_umath"
"""What every extension built with the headers of NumPy 2 imports, and none built with those of NumPy 1."""


def choose_decoder() -> Decode:
    """Return the decoder to use, and say in the log which one it is."""
    reason = _built_for_other_numpy()
    if not reason:
        try:
            decoder = BridgeDecoder()
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        else:
            _log.info("decoding images with cv_bridge")
            return decoder
    _log.info("decoding images without cv_bridge (%s)", reason)
    return decode_image


def _built_for_other_numpy() -> str:
    """Return a reason not to import cv_bridge; empty where it may be tried.

    Imported with NumPy 2, an extension built for NumPy 1 prints pages and may crash, and the package of a
    distribution beside a NumPy of pip is just that. The reverse works: extensions built for NumPy 2 load with
    both.
    """
    found = importlib.util.find_spec("cv_bridge")
    if found is None:
        return "it is not installed"
    if int(np.__version__.partition(".")[0]) < 2:
        return ""
    folders = map(Path, found.submodule_search_locations or ())
    for extension in (path for folder in folders for path in folder.rglob("*.so")):
        if _NUMPY_2 not in extension.read_bytes():
            return f"{extension} was built for NumPy 1, and NumPy is {np.__version__}"
    return ""


class BridgeDecoder:
    """Decodes as `decode_image` does, the common encodings by cv_bridge.

    Raises:
        Exception: whatever cv_bridge raises where it does not work, or ImageError where it converts wrongly.
    """

    def __init__(self) -> None:
        module = importlib.import_module("cv_bridge")
        self._convert = module.CvBridge().imgmsg_to_cv2
        self._errors = (module.CvBridgeError, cv2.error, TypeError, ValueError, RuntimeError)
        message = Image(height=1, width=2, encoding="bgr8", step=6)
        message.data.frombytes(bytes(range(6)))
        if self(message).tolist() != [[[2, 1, 0], [5, 4, 3]]]:
            raise ImageError("it converts bgr8 to rgb8 wrongly")

    def __call__(self, message: Any, depth: BitDepth | None = None) -> RgbImage:
        """Return the picture of an Image or a CompressedImage, H x W x 3, red, green, blue.

        Raises:
            ImageError: as `decode_image`.
        """
        if not _suits_cv_bridge(message):
            return decode_image(message, depth)
        try:
            return np.asarray(self._convert(message, "rgb8"), np.uint8)
        except self._errors as error:
            raise ImageError(f"{message.encoding} image: {' '.join(str(error).split())}") from None


def _suits_cv_bridge(message: Any) -> bool:
    width = BRIDGED.get(getattr(message, "encoding", ""), 0) * getattr(message, "width", 0)
    # It divides the step by the pixel's size, and skews images where that leaves a rest. Images that are
    # empty or too short get the codec's clearer message.
    tight = width > 0 and message.step == width and not message.is_bigendian
    return tight and len(message.data) >= width * message.height > 0
