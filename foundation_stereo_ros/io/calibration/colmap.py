# SPDX-License-Identifier: Apache-2.0
"""COLMAP's cameras.txt; it says nothing of how cameras stand to each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.extrinsics import RawCamera
from foundation_stereo_ros.io.calibration.stereo_file import (
    CalibrationText,
    Cameras,
    StereoFile,
    camera_matrix,
    image_size,
    numbers,
)

_MODELS = {
    "SIMPLE_PINHOLE": (1, "none", 0),
    "PINHOLE": (2, "none", 0),
    "SIMPLE_RADIAL": (1, "plumb_bob", 1),
    "RADIAL": (1, "plumb_bob", 2),
    "OPENCV": (2, "plumb_bob", 4),
    "OPENCV_FISHEYE": (2, "equidistant", 4),
    "FULL_OPENCV": (2, "rational_polynomial", 8),
}
"""Model -> how many focal lengths it has, the distortion model, and how many coefficients."""


def read(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Refuse it: it is no calibration of a pair.

    Raises:
        FileFormatError: always.
    """
    raise FileFormatError(
        f"{texts[0].path} is COLMAP's cameras.txt, which does not say how two cameras stand to each other; "
        "expected a calibration of a stereo pair"
    )


def cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return the cameras by their numbers."""
    rows = [line.split() for line in text.lines]
    return {row[0]: partial(_camera, text.path, row) for row in rows}


def _camera(path: Path, row: Sequence[str]) -> RawCamera:
    kind = row[1] if len(row) > 1 else ""
    if kind not in _MODELS:
        raise FileFormatError(
            f"{path}: camera {row[0]} is a {kind or 'line of one word'}; expected {', '.join(_MODELS)}"
        )
    focal, model, count = _MODELS[kind]
    values = numbers(path, f"camera {row[0]} ({kind})", row[4:], (focal + 2 + count,))
    # COLMAP's pixel 0 begins at 0; ours has its centre there.
    k = camera_matrix(values[0], values[focal - 1], *(values[focal : focal + 2] - 0.5))
    d = np.pad(values[focal + 2 :], (0, max(4 - count, 0))) if count else np.zeros(0)
    return RawCamera(image_size(path, f"size of camera {row[0]}", row[2:4]), k, model, d)
