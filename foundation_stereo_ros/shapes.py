# SPDX-License-Identifier: Apache-2.0
"""Names for the arrays that cross the rooms.

Legend: ``H`` x ``W`` rows x columns of an image; pixel (0, 0) is the centre of the upper left one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RgbImage = npt.NDArray[np.uint8]
"""H x W x 3, red green blue, 0 to 255."""

DisparityMap = npt.NDArray[np.float32]
"""H x W, pixels; left column minus right column, minus the principal points' difference
(DisparityImage.msg)."""

DepthMap = npt.NDArray[np.float32]
"""H x W, metres along the optical axis (REP 118); NaN where unknown."""

Mask = npt.NDArray[np.bool_]
"""H x W; true where the value beside it holds."""

Points = npt.NDArray[np.float32]
"""... x 3, metres, left optical frame: x right, y down, z forward (REP 103)."""

Matrix = npt.NDArray[np.float64]
"""A small matrix of a camera calibration."""
