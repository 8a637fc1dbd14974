# SPDX-License-Identifier: Apache-2.0
"""Names for the arrays that pass between packages.

Legend: ``H`` x ``W`` rows x columns of an image; pixel (0, 0) is the centre of the upper left one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RgbImage = npt.NDArray[np.uint8]
"""H x W x 3, red green blue, 0 to 255."""

ShiftMap = npt.NDArray[np.float32]
"""H x W, pixels; left column minus right column, x_left - x_right: what networks are trained for and say, and
what data sets hold. Infinity is shifted by cx_left - cx_right."""

DisparityMap = npt.NDArray[np.float32]
"""H x W, pixels; a shift minus the principal points' difference, x_left - x_right - (cx_left - cx_right), as
ROS means it (DisparityImage.msg): zero at infinity, depth is f * B / disparity."""

DepthMap = npt.NDArray[np.float32]
"""H x W, metres along the optical axis (REP 118); NaN where unknown."""

Mask = npt.NDArray[np.bool_]
"""H x W; true where the value beside it holds."""

Points = npt.NDArray[np.float32]
"""... x 3, metres, left optical frame: x right, y down, z forward (REP 103)."""

Matrix = npt.NDArray[np.float64]
"""A small matrix of a camera calibration."""
