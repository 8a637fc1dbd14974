# SPDX-License-Identifier: Apache-2.0
"""Two raw cameras and how they stand to each other, as the calibrations of a pair that can be rectified."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from foundation_stereo_ros.errors import CalibrationError
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.camera import FOCAL_TOLERANCE
from foundation_stereo_ros.geometry.rectify import distortion_coefficients, is_fisheye, is_rotation
from foundation_stereo_ros.shapes import Matrix

_EXACT = 1e-6
"""Files print numbers with six digits or more; what differs by less is equal."""


class RawCamera(NamedTuple):
    """One camera by itself.

    Attributes:
        size: width and height of its images.
        k: (3, 3) camera matrix, pixels.
        model: of its distortion, see `Calibration.distortion_model`.
        d: (n,) distortion coefficients; empty or zeros: none.
    """

    size: tuple[int, int]
    k: Matrix
    model: str = ""
    d: Matrix = np.zeros(0)

    def calibration(self, rotation: Matrix | None = None, projection: Matrix | None = None) -> Calibration:
        """Return its calibration; without rotation and projection that of rectified images.

        Args:
            rotation: (3, 3) from its axes to the rectified ones.
            projection: (3, 4) of the rectified image.

        Raises:
            CalibrationError: a matrix has another shape or holds a number that is not finite.
        """
        p = np.hstack((self.k, np.zeros((3, 1)))) if projection is None else projection
        r = np.eye(3) if rotation is None else rotation
        return Calibration(*self.size, distortion_model=self.model, d=self.d, k=self.k, r=r, p=p)


class CalibratedPair(NamedTuple):
    """What `rectified_pair` returns.

    Attributes:
        left, right: with P and R.
        computed: whether P is ours: only images fit that are rectified with it.
    """

    left: Calibration
    right: Calibration
    computed: bool


def rectified_pair(
    left: RawCamera, right: RawCamera, rotation: Matrix, translation: Matrix
) -> CalibratedPair:
    """Return the calibrations that rectify two cameras, by OpenCV's stereoRectify.

    The rectified images have the raw ones' size and no black borders; of fisheyes they show the middle, as
    large as it is in the raw ones. Images of cameras that have no distortion, stand side by side and look
    the same way are rectified as they are.

    Args:
        left: the left or the upper camera.
        right: the other one.
        rotation: (3, 3); a point p of the left camera's axes is ``rotation @ p + translation`` in the right
            one's.
        translation: (3,), metres.

    Raises:
        CalibrationError: an impossible number, sizes or lens models that differ, or an unknown lens model.
    """
    for name, camera in (("left", left), ("right", right)):
        if not (np.isfinite(camera.k).all() and camera.k[0, 0] > 0 and camera.k[1, 1] > 0):
            k = camera.k
            raise CalibrationError(
                f"fx and fy of the {name} camera are {k[0, 0]:g} and {k[1, 1]:g}; expected positive numbers"
            )
    if left.size != right.size:
        sizes = [f"{width} x {height}" for width, height in (left.size, right.size)]
        raise CalibrationError(
            f"left camera is {sizes[0]} and right one {sizes[1]} pixels; expected equal sizes"
        )
    translation = translation.ravel()
    if not is_rotation(rotation):
        raise CalibrationError(f"rotation is {rotation.ravel().tolist()}; expected a rotation matrix")
    if not (np.isfinite(translation).all() and translation.any()):
        raise CalibrationError(f"translation is {translation.tolist()}; expected three metres, not all zero")
    if _side_by_side(left, right, rotation, translation):
        second = right.calibration()
        second.p[0, 3] = second.p[0, 0] * translation[0]
        return CalibratedPair(left.calibration(), second, computed=False)
    first_d, second_d = (distortion_coefficients(camera.model, camera.d) for camera in (left, right))
    fisheye = is_fisheye(left.model)
    if fisheye != is_fisheye(right.model):
        raise CalibrationError(
            f"lens models are {left.model!r} and {right.model!r}; expected a fisheye twice, or never"
        )
    if fisheye:
        first_d = second_d = np.zeros(4)
    r1, r2, p1, p2, *_ = cv2.stereoRectify(
        left.k, first_d, right.k, second_d, left.size, rotation, translation[:, None],
        flags=cv2.CALIB_ZERO_DISPARITY, alpha=0,
    )  # fmt: skip
    if fisheye:
        p1, p2 = _fisheye_projections(left.k, right.k, p2[:, 3] / p2[0, 0])
    r1, r2, p1, p2 = (np.asarray(matrix, np.float64) for matrix in (r1, r2, p1, p2))
    return CalibratedPair(left.calibration(r1, p1), right.calibration(r2, p2), computed=True)


def _side_by_side(left: RawCamera, right: RawCamera, rotation: Matrix, translation: Matrix) -> bool:
    bent = left.d.any() or right.d.any() or not np.allclose(rotation, np.eye(3), rtol=0, atol=_EXACT)
    aslant = np.abs(translation[1:]).max() > _EXACT * abs(translation[0])
    focal = np.allclose(np.diag(left.k), np.diag(right.k), rtol=FOCAL_TOLERANCE, atol=0)
    return not bent and not aslant and focal and abs(left.k[1, 2] - right.k[1, 2]) < _EXACT * left.size[1]


def _fisheye_projections(left: Matrix, right: Matrix, shift: Matrix) -> tuple[Matrix, Matrix]:
    # A plane has no room for all that a fisheye sees: the middle keeps the sharpness of the raw image. (The
    # rotations do not depend on the lens; cv2.fisheye.stereoRectify knows no stacked cameras.)
    focal = min(left[0, 0], left[1, 1], right[0, 0], right[1, 1])
    cx, cy = (left[:2, 2] + right[:2, 2]) / 2
    k = np.array(((focal, 0, cx), (0, focal, cy), (0, 0, 1)))
    return np.hstack((k, np.zeros((3, 1)))), np.hstack((k, focal * shift[:, None]))
