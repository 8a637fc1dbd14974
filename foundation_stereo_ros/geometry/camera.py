# SPDX-License-Identifier: Apache-2.0
"""Rectified pinhole cameras."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from foundation_stereo_ros.errors import CalibrationError

if TYPE_CHECKING:
    from foundation_stereo_ros.shapes import Matrix

FOCAL_TOLERANCE = 1e-3
"""Rectified cameras share one focal length; a relative difference above this is no rounding."""

ROW_TOLERANCE = 1.0
"""Pixels that the rows of a rectified pair may be apart according to the calibration."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion, and the size of its images.

    Attributes:
        width: columns of the image.
        height: rows of the image.
        fx: horizontal focal length, pixels.
        fy: vertical focal length, pixels.
        cx: column of the principal point; it may lie outside of the image.
        cy: row of the principal point.

    Raises:
        CalibrationError: a size or a focal length is not positive, or a number is not finite.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise CalibrationError(f"camera is {self.width} x {self.height} pixels; expected a positive size")
        if not (0 < self.fx < math.inf and 0 < self.fy < math.inf):
            raise CalibrationError(
                f"focal lengths are fx = {self.fx:g} and fy = {self.fy:g}; "
                "expected positive numbers of pixels (is the camera calibrated?)"
            )
        if not (math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise CalibrationError(
                f"principal point is ({self.cx:g}, {self.cy:g}); expected finite numbers of pixels"
            )

    @property
    def matrix(self) -> Matrix:
        """K, 3 x 3: points of the optical frame to homogeneous pixels."""
        import numpy as np  # late: `Camera` alone needs none

        return np.array(((self.fx, 0, self.cx), (0, self.fy, self.cy), (0, 0, 1)), np.float64)

    def scaled(self, width: int, height: int) -> Camera:
        """Return the camera of the same view on another grid.

        Follows image_proc's resize: fx and cx grow with the width, fy and cy with the height, without a
        half-pixel shift.
        """
        x, y = width / self.width, height / self.height
        return Camera(width, height, self.fx * x, self.fy * y, self.cx * x, self.cy * y)

    def turned(self, turns: int) -> Camera:
        """Return the camera of the image turned counter-clockwise by 1 or -1 quarters, as by numpy.rot90."""
        cx, cy = (self.cy, self.width - 1 - self.cx) if turns == 1 else (self.height - 1 - self.cy, self.cx)
        return Camera(self.height, self.width, self.fy, self.fx, cx, cy)


@dataclass(frozen=True)
class StereoRig:
    """A rectified pair: equal focal lengths, aligned rows, the right camera ``baseline`` along the left's +x.

    Attributes:
        left: its optical frame is that of depth and points.
        right: may have another cx.
        baseline: metres, greater than zero.

    Raises:
        CalibrationError: the baseline is not positive, or the cameras do not make a rectified pair.
    """

    left: Camera
    right: Camera
    baseline: float

    @classmethod
    def from_focal_length(
        cls,
        fx: float,
        baseline: float,
        size: tuple[int, int],
        *,
        fy: float | None = None,
        cx: float | None = None,
        cy: float | None = None,
        cx_right: float | None = None,
    ) -> StereoRig:
        """Return the rig of rectified images by its numbers.

        Args:
            fx: horizontal focal length, pixels.
            baseline: metres.
            size: width and height of the images.
            fy: vertical focal length, pixels; None: fx.
            cx: column of the left camera's principal point; None: the middle of the image.
            cy: its row in both images; None: the middle.
            cx_right: column of the right camera's; None: cx.

        Raises:
            CalibrationError: a length or a size is not positive, or a number is not finite.
        """
        # The middle of the image in the convention that pixel 0 is the centre of the first one.
        cx = (size[0] - 1) / 2 if cx is None else cx
        cy = (size[1] - 1) / 2 if cy is None else cy
        fy = fx if fy is None else fy
        left = Camera(*size, fx=fx, fy=fy, cx=cx, cy=cy)
        return cls(left, replace(left, cx=cx if cx_right is None else cx_right), baseline)

    def __post_init__(self) -> None:
        left, right = self.left, self.right
        if (left.width, left.height) != (right.width, right.height):
            raise CalibrationError(
                f"left camera is {left.width} x {left.height} and right camera {right.width} x "
                f"{right.height} pixels; expected the same size"
            )
        for name, one, other in (("fx", left.fx, right.fx), ("fy", left.fy, right.fy)):
            if abs(one - other) > FOCAL_TOLERANCE * one:
                raise CalibrationError(
                    f"{name} is {one:g} in the left and {other:g} in the right P; expected equal ones, "
                    "as a stereo calibration gives them to both cameras"
                )
        if abs(left.cy - right.cy) > ROW_TOLERANCE:
            raise CalibrationError(
                f"cy is {left.cy:g} in the left and {right.cy:g} in the right P; expected equal ones, "
                "since the rows of a rectified pair are aligned"
            )
        if not 0 < self.baseline < math.inf:
            raise CalibrationError(_baseline_advice(self.baseline))

    @property
    def doffs(self) -> float:
        """Principal points' difference cx_left - cx_right, pixels; 0 where both see infinity alike."""
        return self.left.cx - self.right.cx

    def scaled(self, width: int, height: int) -> StereoRig:
        """Return the pair on another grid; the baseline stays."""
        return StereoRig(self.left.scaled(width, height), self.right.scaled(width, height), self.baseline)


def _baseline_advice(baseline: float) -> str:
    expected = "expected a positive length"
    if baseline < 0:
        return (
            f"baseline is {baseline:g} m; {expected}: swap the left and the right topics, "
            "or give `baseline` in metres if they are right"
        )
    return (
        f"baseline is {baseline:g} m; {expected}: the right camera's calibration has none, P[3] = -fx * "
        "baseline (some drivers leave it out); give `baseline` in metres, or swap left and "
        "right if these are swapped"
    )
