# SPDX-License-Identifier: Apache-2.0
"""Raw images to rectified ones, by the distortion, rotation and projection of a calibration."""

from __future__ import annotations

import cv2
import numpy as np

from foundation_stereo_ros.errors import CalibrationError, ImageError
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.shapes import Matrix, RgbImage

_COEFFICIENTS = {
    "plumb_bob": (0, 4, 5),
    "rational_polynomial": (0, 8, 12, 14),
    "equidistant": (0, 4),
    "fisheye": (0, 4),
    "none": (0,),
    "": (0,),
}
"""Distortion model (sensor_msgs/distortion_models.hpp) -> numbers of coefficients; 0: no distortion."""

_FISHEYE = ("equidistant", "fisheye")


class Rectifier:
    """Maps raw images of one size to rectified ones of the same size.

    The lookup tables are made once, here.

    Args:
        calibration: of the camera.
        image_size: width and height of its images.

    Raises:
        CalibrationError: unknown distortion model, a wrong number of coefficients, no focal length, or a size
            that does not fit.
    """

    def __init__(self, calibration: Calibration, image_size: tuple[int, int]) -> None:
        k, p = calibration.matrices_for(image_size)
        for name, matrix in (("K", k), ("P", p)):
            if not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
                raise CalibrationError(
                    f"fx and fy of {name} are {matrix[0, 0]:g} and {matrix[1, 1]:g}; expected positive "
                    "numbers of pixels (is the camera calibrated?)"
                )
        distortion = distortion_coefficients(calibration.distortion_model, calibration.d)
        if not is_rotation(calibration.rotation):
            raise CalibrationError(f"R is {calibration.r.ravel().tolist()}; expected a rotation matrix")
        make = cv2.fisheye if is_fisheye(calibration.distortion_model) else cv2
        self._size = image_size
        self._maps = make.initUndistortRectifyMap(
            k, distortion, calibration.rotation, np.ascontiguousarray(p[:, :3]), image_size, cv2.CV_32FC1
        )

    def __call__(self, image: RgbImage) -> RgbImage:
        """Return the rectified image: bilinear; black where the raw image has nothing to show.

        Args:
            image: H x W or H x W x 3, uint8, of the size given at the start.

        Raises:
            ImageError: another size.
        """
        if (image.shape[1], image.shape[0]) != self._size:
            raise ImageError(
                f"image is {image.shape[1]} x {image.shape[0]} pixels; "
                f"expected {self._size[0]} x {self._size[1]}"
            )
        x, y = self._maps
        return np.asarray(
            cv2.remap(np.ascontiguousarray(image), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT),
            np.uint8,
        )


def is_fisheye(model: str) -> bool:
    """Tell whether a distortion model is OpenCV's of fisheye lenses."""
    return model in _FISHEYE


def is_rotation(matrix: Matrix) -> bool:
    """Tell whether a (3, 3) matrix is a rotation, to the digits that files have."""
    near = np.allclose(matrix @ matrix.T, np.eye(3), rtol=0, atol=1e-2)
    return bool(near and np.linalg.det(matrix) > 0)


def distortion_coefficients(model: str, d: Matrix) -> Matrix:
    """Return as many coefficients as OpenCV takes for a model, without zeros beyond them.

    A T265 sends five for its four of ``equidistant``.

    Args:
        model: see `Calibration.distortion_model`.
        d: (n,) coefficients.

    Raises:
        CalibrationError: an unknown model, or a wrong number of coefficients.
    """
    if model not in _COEFFICIENTS:
        known = ", ".join(name for name in _COEFFICIENTS if name)
        raise CalibrationError(f"distortion model is {model!r}; expected one of {known}")
    if not d.any():
        return np.zeros(4)
    counts = _COEFFICIENTS[model]
    if d.size not in counts:
        fitting = [count for count in counts if count < d.size and not d[count:].any()]
        if not fitting:
            expected = " or ".join(map(str, counts))
            raise CalibrationError(
                f"D of distortion model {model!r} has {d.size} coefficients; expected {expected}"
            )
        return d[: fitting[-1]]
    return d
