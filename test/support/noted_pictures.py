# SPDX-License-Identifier: Apache-2.0
"""JPEG files with what a camera notes in them."""

from __future__ import annotations

import struct

import cv2
import numpy as np

IMAGE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8), (0, 0), 3)


def jpeg(orientation: int = 1, focal: int = 0, order: str = "<") -> bytes:
    """A JPEG file with notes."""
    entries = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    entries += struct.pack(f"{order}HHII", 0x8769, 4, 1, 38)
    more = struct.pack(f"{order}HHHIHHI", 1, 0xA405, 3, 1, focal, 0, 0)
    notes = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, 2) + entries
    notes += struct.pack(f"{order}I", 0) + more
    content = bytes(cv2.imencode(".jpg", IMAGE, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])
    segment = b"Exif\0\0" + notes
    return content[:2] + struct.pack(">HH", 0xFFE1, len(segment) + 2) + segment + content[2:]
