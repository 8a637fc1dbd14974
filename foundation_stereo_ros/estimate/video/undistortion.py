# SPDX-License-Identifier: Apache-2.0
"""The camera of one calibrated camera's images, and the images without distortion."""

from __future__ import annotations

import dataclasses

import numpy as np

from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.rectify import Rectifier
from foundation_stereo_ros.shapes import Matrix, RgbImage


class Undistortion:
    """What a calibration means for one camera's images of one size.

    The camera keeps its axes and its K: a rotation in the calibration, which makes stereo rows parallel, is
    left aside, because poses are those of the camera itself. Rectified images have other axes.

    Args:
        calibration: of the camera.
        size: width and height of the images.
        rectified: the images are rectified already, by R and P.

    Attributes:
        camera: of the images that it returns.
        axes: 4 x 4, takes points from the images' axes to the camera's: rectified images of a pair are turned
            by R (sensor_msgs/CameraInfo); None: they are the same.

    Raises:
        CalibrationError: it cannot be used or does not fit the images.
    """

    def __init__(self, calibration: Calibration, size: tuple[int, int], rectified: bool = False) -> None:
        k, p = calibration.matrices_for(size)
        matrix = p if rectified else k
        width, height = size
        self.camera = Camera(width, height, matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
        self.axes: Matrix | None = None
        if rectified and not np.array_equal(calibration.rotation, np.eye(3)):
            self.axes = np.eye(4)
            self.axes[:3, :3] = calibration.rotation.T
        self._rectifier: Rectifier | None = None
        if calibration.d.any() and not rectified:
            own = np.hstack((calibration.k, np.zeros((3, 1))))
            self._rectifier = Rectifier(dataclasses.replace(calibration, r=np.eye(3), p=own), size)

    @property
    def bends(self) -> bool:
        """Whether it changes images."""
        return self._rectifier is not None

    def __call__(self, image: RgbImage) -> RgbImage:
        """Return the image without distortion.

        Raises:
            ImageError: it has another size than the one given at the start.
        """
        return self._rectifier(image) if self._rectifier else image
