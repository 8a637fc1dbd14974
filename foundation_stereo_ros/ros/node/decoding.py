# SPDX-License-Identifier: Apache-2.0
"""Images by cv_bridge where it works, by the package's own codec otherwise."""

from __future__ import annotations

import importlib
import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.images import decode_image
from foundation_stereo_ros.shapes import RgbImage

_log = logging.getLogger(__name__)

Decode = Callable[[Any], RgbImage]

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

_PROBE = """
import numpy, cv2
from cv_bridge import CvBridge
from sensor_msgs.msg import Image
message = Image(height=1, width=2, encoding="bgr8", step=6)
message.data.frombytes(bytes(range(6)))
picture = CvBridge().imgmsg_to_cv2(message, "rgb8")
if picture.tolist() != [[[2, 1, 0], [5, 4, 3]]]:
    raise SystemExit("it converts bgr8 to rgb8 wrongly")
"""

_TIMEOUT_S = 60.0


def choose_decoder() -> Decode:
    """Return the decoder to use, and say in the log which one it is."""
    reason = why_not_cv_bridge()
    if reason:
        _log.info("decoding images without cv_bridge (%s)", reason)
        return decode_image
    _log.info("decoding images with cv_bridge")
    return BridgeDecoder()


def why_not_cv_bridge() -> str:
    """Return why cv_bridge cannot be used; empty where it can.

    It is tried in a process of its own: one that was built for another NumPy may print pages, or crash.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"it ends with {signal.Signals(-done.returncode).name}"
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"it ends with code {done.returncode}"


class BridgeDecoder:
    """Decodes as `decode_image` does, the common encodings by cv_bridge."""

    def __init__(self) -> None:
        module = importlib.import_module("cv_bridge")
        self._convert = module.CvBridge().imgmsg_to_cv2
        self._errors = (module.CvBridgeError, cv2.error, TypeError, ValueError, RuntimeError)

    def __call__(self, message: Any) -> RgbImage:
        """Return the picture of an Image or a CompressedImage, H x W x 3, red, green, blue.

        Raises:
            ImageError: as `decode_image`.
        """
        if not _suits_cv_bridge(message):
            return decode_image(message)
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
