# SPDX-License-Identifier: Apache-2.0
"""Pictures as PNG files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.atomic import atomic_write
from foundation_stereo_ros.shapes import DepthMap

_HIGHEST_MM = 65535


def png_bytes(image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """Encode H x W or H x W x 3 (red, green, blue), 8 or 16 bit, as PNG."""
    ordered = image[..., ::-1] if image.ndim == 3 else image
    done, content = cv2.imencode(".png", np.ascontiguousarray(ordered))
    if not done:
        raise FileFormatError(f"cannot write {image.dtype} {image.shape} as PNG")
    return bytes(content.tobytes())


def write_png(path: Path, image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    """Write H x W or H x W x 3 (red, green, blue), 8 or 16 bit."""
    content = png_bytes(image)
    with atomic_write(path) as stream:
        stream.write(content)


def write_depth_png(path: Path, depth: DepthMap) -> None:
    """Write depth in metres as 16-bit millimetres; 0 is unknown or beyond 65.535 m (REP 118)."""
    millimetres = np.rint(np.nan_to_num(depth.astype(np.float64), nan=0, posinf=0, neginf=0) * 1000)
    known = (millimetres > 0) & (millimetres <= _HIGHEST_MM)
    write_png(path, np.where(known, millimetres, 0).astype(np.uint16))
