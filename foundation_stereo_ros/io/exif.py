# SPDX-License-Identifier: Apache-2.0
"""What a camera notes in a JPEG file: which way up it was held, and its focal length."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_ORIENTATION, _EXIF, _FOCAL_35 = 0x0112, 0x8769, 0xA405
_MOST = 200  # entries of a directory
_SHORT, _LONG = 3, 4


class Exif(NamedTuple):
    """Notes of the camera.

    Attributes:
        orientation: 1 to 8; 1: the picture is stored upright.
        focal_35mm: focal length in mm of a 36 x 24 mm camera that sees as much; 0: not noted.
    """

    orientation: int = 1
    focal_35mm: int = 0

    def focal_pixels(self, width: int, height: int) -> float:
        """Return the focal length in pixels of an image that was not cropped; 0: not noted."""
        return self.focal_35mm * float(np.hypot(width, height) / np.hypot(36, 24))


def read_exif(content: bytes) -> Exif:
    """Return the notes in a JPEG file; those of one that has none where there are none, or damaged ones."""
    try:
        notes = _notes(content)
        return Exif() if notes is None else _read(notes)
    except (struct.error, IndexError):
        return Exif()


def upright(image: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Return an image, H x W x ..., as it was seen."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _notes(content: bytes) -> bytes | None:
    if content[:2] != b"\xff\xd8":
        return None
    at = 2
    while content[at] == 0xFF:
        marker = content[at + 1]
        if marker in (_SCAN, _END):
            break
        (length,) = struct.unpack_from(">H", content, at + 2)
        if marker == _APP1 and content[at + 4 : at + 10] == b"Exif\0\0":
            return content[at + 10 : at + 2 + length]
        at += 2 + length
    return None


def _read(notes: bytes) -> Exif:
    order = {b"II": "<", b"MM": ">"}.get(notes[:2])
    if order is None:
        return Exif()
    (start,) = struct.unpack_from(f"{order}I", notes, 4)
    first = _directory(notes, order, start)
    more = _directory(notes, order, first[_EXIF]) if _EXIF in first else {}
    orientation = first.get(_ORIENTATION, 1)
    return Exif(orientation if 1 <= orientation <= 8 else 1, more.get(_FOCAL_35, 0))


def _directory(notes: bytes, order: str, start: int) -> dict[int, int]:
    """Entries that are one whole number."""
    (count,) = struct.unpack_from(f"{order}H", notes, start)
    found = {}
    for number in range(min(count, _MOST)):
        at = start + 2 + 12 * number
        tag, kind, values = struct.unpack_from(f"{order}HHI", notes, at)
        if values == 1 and kind in (_SHORT, _LONG):
            (found[tag],) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), notes, at + 8)
    return found
