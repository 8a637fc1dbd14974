# SPDX-License-Identifier: Apache-2.0
"""Pictures in files: read in any usual format, written as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.io.files import atomic_write, read_bytes
from foundation_stereo_ros.io.image_size import KNOWN, image_size, too_large
from foundation_stereo_ros.limits import SETTING
from foundation_stereo_ros.shapes import DepthMap, RgbImage

Pixels = npt.NDArray[Any]
"""H x W, or H x W x 2 to 4 in the order that OpenCV gives: blue, green, red, alpha."""

_HIGHEST_MM = 65535


def read_rgb(path: Path) -> RgbImage:
    """Read one image: 8 or 16 bit; grey, colour, palette, with or without alpha (which is dropped).

    16-bit values are divided by 257, so that 65535 becomes 255; see `read_pair` for darker cameras.

    Returns:
        H x W x 3.

    Raises:
        FileFormatError: there is no such file, or no such image in it.
    """
    return rgb_of(read_pixels(path))


def rgb_of(pixels: Pixels) -> RgbImage:
    """Return what `read_pixels` gives as `read_rgb` does."""
    depth = BitDepth()
    depth.bits = 16
    return _to_rgb(pixels, depth)


def read_pair(left: Path, right: Path) -> tuple[RgbImage, RgbImage]:
    """Read a stereo pair, as `read_rgb` does.

    Cameras of 10, 12 or 14 bits often store their values in 16; both images are then stretched by the same
    factor, see `BitDepth`.

    Raises:
        FileFormatError: there is no such file, or no such image in it.
    """
    depth = BitDepth()
    images = read_pixels(left), read_pixels(right)
    for image in images:
        depth.note(image)
    return _to_rgb(images[0], depth), _to_rgb(images[1], depth)


def read_pixels(path: Path) -> Pixels:
    """Read the stored values of an image, 8 or 16 bit.

    Raises:
        FileFormatError: there is no such file, or no such image in it.
    """
    content = read_bytes(path)
    size = image_size(memoryview(content))
    if size is not None and (problem := too_large(size)):
        raise FileFormatError(f"{path} {problem}", remedy=SETTING)
    image = decode_image_file(content) if size is not None else None
    if image is None:
        raise FileFormatError(
            f"{path} is not an image that can be read; expected one of {KNOWN}, not damaged"
        )
    if image.dtype not in (np.uint8, np.uint16):
        raise FileFormatError(f"{path} holds {image.dtype} pixels; expected 8 or 16 bit")
    return np.asarray(image)


def decode_image_file(content: bytes | npt.NDArray[np.uint8]) -> Pixels | None:
    """Return the values of a compressed image whose size was checked; None where it cannot be decoded.

    An orientation tag would turn the image away from its calibration; none is heeded.
    """
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError):
        return None
    return None if image is None else np.asarray(image)


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


def _to_rgb(image: Pixels, depth: BitDepth) -> RgbImage:
    image = depth.to_eight(image)
    if image.ndim == 2 or image.shape[2] == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    if image.shape[2] == 2:  # grey and alpha
        return np.repeat(image[..., :1], 3, axis=2)
    return np.ascontiguousarray(image[..., 2::-1])
