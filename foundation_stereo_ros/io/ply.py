# SPDX-License-Identifier: Apache-2.0
"""Point clouds as PLY files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.shapes import Points

_PLY_POINT = [("xyz", "<f4", 3), ("rgb", "u1", 3)]


def write_ply(
    path: Path,
    points: Points,
    colors: npt.NDArray[np.uint8],
    frame: str = "left optical frame: x right, y down, z forward",
    confidence: npt.NDArray[np.float32] | None = None,
) -> None:
    """Write a binary little-endian PLY.

    Args:
        path: written whole or not at all.
        points: N x 3 in metres.
        colors: N x 3, red, green, blue.
        frame: of the points, for a comment in the file (REP 103).
        confidence: N, a further property of the points; None: there is none.
    """
    more = [] if confidence is None else [("confidence", "<f4")]
    vertices = np.empty(len(points), np.dtype([*_PLY_POINT, *more]))
    vertices["xyz"], vertices["rgb"] = points, colors
    if confidence is not None:
        vertices["confidence"] = confidence
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment metres; {frame}",
        f"element vertex {len(vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {color}" for color in ("red", "green", "blue")),
        *(f"property float {name}" for name, _ in more),
        "end_header\n",
    ]
    with atomic_write(path) as stream:
        stream.write("\n".join(header).encode("ascii"))
        stream.write(vertices.tobytes())
