# SPDX-License-Identifier: Apache-2.0
"""Portable float maps: a header of text, then rows of 32-bit floats from the bottom up."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.files import read_bytes
from foundation_stereo_ros.limits import SETTING, limits

# The single white space that ends the header may be a Windows line's end.
_HEADER = re.compile(rb"P(?P<kind>[fF])\s+(\d{1,6})\s+(\d{1,6})\s+([-+]?[\d.eE+-]{1,32})(?:\r\n|\s)")


def read_pfm(path: Path) -> npt.NDArray[np.float32]:
    """Read a map of one channel.

    The sign of the header's scale tells the byte order; its size means nothing, as Middlebury has it.

    Returns:
        H x W, first row on top, as stored: infinite or NaN values too.

    Raises:
        FileFormatError: there is no such file, or it is no such map, or has too few or too many bytes.
    """
    content = read_bytes(path)
    header = _HEADER.match(content)
    if header is None:
        raise FileFormatError(f"{path} is not a PFM file; expected 'Pf', width, height and scale as text")
    if header["kind"] == b"F":
        raise FileFormatError(f"{path} is a PFM file of three channels (PF); expected one (Pf)")
    width, height, scale = int(header[2]), int(header[3]), _number(header[4], path)
    size = len(content) - header.end()
    if size != 4 * width * height or not size:
        raise FileFormatError(
            f"{path} has {size} bytes of pixels; expected {4 * width * height} for {width} x {height}"
        )
    if width * height > limits().pixels:
        raise FileFormatError(
            f"{path} has {width} x {height} pixels; expected at most {limits().megapixels} million",
            remedy=SETTING,
        )
    order = "<f4" if scale < 0 else ">f4"
    rows = np.frombuffer(content, order, offset=header.end()).reshape(height, width)
    return np.ascontiguousarray(rows[::-1], dtype=np.float32)


def _number(text: bytes, path: Path) -> float:
    try:
        return float(text)
    except ValueError:
        raise FileFormatError(f"{path} has the PFM scale {text.decode()!r}; expected a number") from None
