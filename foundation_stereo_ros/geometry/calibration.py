# SPDX-License-Identifier: Apache-2.0
"""What a CameraInfo says, as numbers, and the rectified pair that two of them describe (REP 104)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foundation_stereo_ros.errors import CalibrationError
from foundation_stereo_ros.geometry.camera import ROW_TOLERANCE, Camera, StereoRig
from foundation_stereo_ros.shapes import Matrix

_ASLANT = 0.1
"""Least share of the shorter of a baseline's two parts in the longer one at which it is neither; KITTI has
0.005."""

_SAME = 1e-3
"""Share by which two equal lengths may differ."""

RegionOfInterest = tuple[int, int, int, int]
"""x, y, width, height in unbinned pixels; width and height 0 stand for the whole image."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """The numbers of one sensor_msgs/CameraInfo, in the pixels of the full calibrated image.

    Attributes:
        width: columns of the full image.
        height: rows of the full image.
        distortion_model: ``plumb_bob``, ``rational_polynomial``, ``equidistant``, or empty.
        d: (n,) distortion coefficients; empty or zeros: no distortion.
        k: (3, 3) camera matrix of the raw image.
        r: (3, 3) rotation from the raw camera's to the rectified one's axes.
        p: (3, 4) projection of the rectified image; P[0, 3] = -fx * (metres right of the left camera).
        binning_x: pixels joined to one along a row; 0 means 1.
        binning_y: pixels joined to one along a column; 0 means 1.
        roi: the part of the full image that was sent, before binning.
        do_rectify: the message's roi.do_rectify.
        frame_id: the camera's optical frame.

    Raises:
        CalibrationError: a matrix has another shape or holds a number that is not finite.
    """

    width: int
    height: int
    distortion_model: str
    d: Matrix
    k: Matrix
    r: Matrix
    p: Matrix
    binning_x: int = 0
    binning_y: int = 0
    roi: RegionOfInterest = (0, 0, 0, 0)
    do_rectify: bool = False
    frame_id: str = ""

    def __post_init__(self) -> None:
        if self.d.ndim != 1:
            raise CalibrationError(f"D has shape {self.d.shape}; expected one row of coefficients")
        for name, matrix, shape in (("K", self.k, (3, 3)), ("R", self.r, (3, 3)), ("P", self.p, (3, 4))):
            if matrix.shape != shape:
                raise CalibrationError(f"{name} has shape {matrix.shape}; expected {shape}")
        for name, matrix in (("D", self.d), ("K", self.k), ("R", self.r), ("P", self.p)):
            if not np.isfinite(matrix).all():
                raise CalibrationError(f"{name} is {matrix.ravel().tolist()}; expected finite numbers")

    @property
    def rotation(self) -> Matrix:
        """R, with the identity for the zeros that some drivers send."""
        return self.r if self.r.any() else np.eye(3)

    @property
    def needs_rectification(self) -> bool:
        """Whether images with this calibration's distortion or rotation differ from rectified ones."""
        return bool(self.d.any()) or not np.allclose(self.rotation, np.eye(3), rtol=0, atol=1e-9)

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the images: of the region that was sent, after binning."""
        x, y, width, height = self.roi
        width, height = width or self.width - x, height or self.height - y
        return width // max(1, self.binning_x), height // max(1, self.binning_y)

    def matrices_for(self, image_size: tuple[int, int]) -> tuple[Matrix, Matrix]:
        """Return K and P in the pixels of the images that come with this calibration.

        The region of interest moves the principal point, then binning divides all but the last row; of P
        the fourth column too (REP 104, image_geometry).

        Args:
            image_size: width and height of those images.

        Returns:
            (3, 3) and (3, 4).

        Raises:
            CalibrationError: region and binning do not explain the size.
        """
        x, y, width, height = self.roi
        width, height = width or self.width - x, height or self.height - y
        bins = np.array((max(1, self.binning_x), max(1, self.binning_y)))
        # A last, incomplete bin is dropped by some drivers and kept by others.
        leftover = np.array((width, height)) - np.array(image_size) * bins
        if (abs(leftover) >= bins).any() or min(*image_size) <= 0:
            raise CalibrationError(self._size_mismatch(image_size))
        scale = np.diag((1 / bins[0], 1 / bins[1], 1.0))
        # Acts from the left: the offset moves whole rows by multiples of the last one, (0, 0, 1).
        offset = np.array(((1.0, 0.0, -x), (0.0, 1.0, -y), (0.0, 0.0, 1.0)))
        adjust = scale @ offset
        return adjust @ self.k, adjust @ self.p

    def _size_mismatch(self, image_size: tuple[int, int]) -> str:
        text = f"calibration is for {self.width} x {self.height} pixels"
        if any(self.roi):
            text += f", region x, y, width, height = {self.roi}"
        if self.binning_x > 1 or self.binning_y > 1:
            text += f", binning {self.binning_x} x {self.binning_y}"
        return (
            f"{text}; the image has {image_size[0]} x {image_size[1]}: expected a calibration that goes with "
            "the image (image_proc's resize node scales both)"
        )


def stereo_camera(
    left: Calibration, right: Calibration, *, image_size: tuple[int, int], baseline: float | None = None
) -> StereoRig:
    """Return the rectified pair that two calibrations describe, in the pixels of their images.

    P counts, not K: it is the projection of rectified images. The baseline is -P[3] / P[0] of the right
    camera, less the same of the left one, which is zero nearly always.

    Args:
        left: of the left camera.
        right: of the right camera.
        image_size: width and height of the images.
        baseline: metres, in place of the calibration's.

    Raises:
        CalibrationError: not calibrated, sizes that do not fit, focal lengths or rows that differ, a baseline
            that is not positive, or cameras one above the other.
    """
    rig, turns = upright_or_turned(left, right, image_size=image_size, baseline=baseline)
    if turns:
        raise CalibrationError(
            f"one camera is {rig.baseline:g} m above the other (P[7] of the calibration); a rig has them "
            "side by side: expected a StereoRectification, which turns the images"
        )
    return rig


def upright_or_turned(
    left: Calibration, right: Calibration, *, image_size: tuple[int, int], baseline: float | None = None
) -> tuple[StereoRig, int]:
    """Return the rig as `stereo_camera` does, also of cameras one above the other: that of turned images.

    Returns:
        The rig, and by how many quarter turns counter-clockwise both images must be turned for it: 0 for
        cameras side by side, 1 if the right one is the lower one, -1 if it is the upper one.

    Raises:
        CalibrationError: as `stereo_camera`, or cameras aslant.
    """
    left_camera, left_offset = _rectified(left, image_size, "left")
    right_camera, right_offset = _rectified(right, image_size, "right")
    x, y = float(right_offset[0] - left_offset[0]), float(right_offset[1] - left_offset[1])
    if min(abs(x), abs(y)) > _ASLANT * max(abs(x), abs(y)):
        raise CalibrationError(
            f"right camera is {x:g} m right of the left one and {y:g} m below it, by P[3] and P[7]; expected "
            "one of them to be 0: rows or columns of rectified images are aligned"
        )
    if baseline is None and left_offset.any() and np.allclose(left_offset, right_offset, rtol=_SAME, atol=0):
        axis = 0 if left_offset[0] else 1
        raise CalibrationError(
            f"P[{3 + 4 * axis}] is {left.p[axis, 3]:g} in the left and {right.p[axis, 3]:g} in the right "
            "camera_info, which puts both cameras at the same place; expected 0 in the left one and "
            "-fx * baseline in the right one; "
            f"give `baseline` in metres: {abs(right_offset[axis]):g} if the right one is correct"
        )
    if abs(x) >= abs(y):
        return StereoRig(left_camera, right_camera, x if baseline is None else baseline), 0
    if abs(left_camera.cx - right_camera.cx) > ROW_TOLERANCE:
        raise CalibrationError(
            f"cx is {left_camera.cx:g} in the left and {right_camera.cx:g} in the right P; expected equal "
            "ones, since the columns of a rectified pair of cameras one above the other are aligned"
        )
    turns = 1 if y > 0 else -1
    turned = left_camera.turned(turns), right_camera.turned(turns)
    return StereoRig(*turned, abs(y) if baseline is None else baseline), turns


def _rectified(calibration: Calibration, image_size: tuple[int, int], name: str) -> tuple[Camera, Matrix]:
    """Return the rectified camera, and how many metres it is right of the rig's origin and below it."""
    try:
        _, p = calibration.matrices_for(image_size)
        camera = Camera(*image_size, float(p[0, 0]), float(p[1, 1]), float(p[0, 2]), float(p[1, 2]))
    except CalibrationError as error:
        raise CalibrationError(f"{name} camera: {error}") from None
    # 0.0 for -0.0, which would be printed.
    return camera, -p[:2, 3] / (camera.fx, camera.fy) + 0.0
