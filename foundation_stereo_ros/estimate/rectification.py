# SPDX-License-Identifier: Apache-2.0
"""Two calibrations to the cameras of rectified images, and raw images to rectified ones where needed."""

from __future__ import annotations

import logging

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.estimate.config import RectificationSettings
from foundation_stereo_ros.geometry.calibration import Calibration, stereo_camera
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.geometry.rectify import Rectifier
from foundation_stereo_ros.shapes import RgbImage

_log = logging.getLogger(__name__)


def says_rectified(topic: str) -> bool | None:
    """Read from an image topic's name whether its images are rectified; None where the name does not say.

    CameraInfo cannot tell: image_proc publishes rectified images beside the info of the raw ones, with
    distortion.
    """
    for part in reversed(topic.lower().split("/")):
        words = set(part.split("_"))
        if words & {"rect", "rectified"}:
            return True
        if words & {"raw", "unrectified"}:
            return False
    return None


def common_size(left: RgbImage, right: RgbImage) -> tuple[int, int]:
    """Return width and height of both images.

    Raises:
        ImageError: they differ.
    """
    sizes = [(image.shape[1], image.shape[0]) for image in (left, right)]
    if sizes[0] != sizes[1]:
        one, other = (f"{width} x {height}" for width, height in sizes)
        raise ImageError(f"left image is {one} and right image is {other} pixels; expected the same size")
    return sizes[0]


class StereoRectification:
    """What one pair of calibrations means for images of one size.

    Args:
        left: calibration of the left camera.
        right: of the right one.
        size: width and height of the images.
        config: whether to rectify, and a baseline in place of the calibration's; None: the defaults.
        rectified: what is known about the images, see `says_rectified`; None: distortion or rotation in a
            calibration means that they are raw.

    Attributes:
        rig: the cameras of the rectified images.
        active: whether `__call__` changes the images.

    Raises:
        CalibrationError: the calibrations cannot be used for stereo or do not fit the images.
    """

    def __init__(
        self,
        left: Calibration,
        right: Calibration,
        size: tuple[int, int],
        config: RectificationSettings | None = None,
        rectified: bool | None = None,
    ) -> None:
        config = config or RectificationSettings()
        raw_info = left.needs_rectification or right.needs_rectification
        automatic = raw_info and not rectified
        self.active = config.rectification == "on" or (config.rectification == "auto" and automatic)
        self.rig: StereoRig = stereo_camera(left, right, image_size=size, baseline=config.baseline or None)
        if automatic and not self.active:
            _log.warning(
                "CameraInfo has a distortion or a rotation, and rectification is off: "
                "wrong depths unless the images are rectified already"
            )
        self._size = size
        self._maps = (Rectifier(left, size), Rectifier(right, size)) if self.active else None

    def __call__(self, left: RgbImage, right: RgbImage) -> tuple[RgbImage, RgbImage]:
        """Return the rectified images.

        Raises:
            ImageError: an image has another size than the one given at the start.
        """
        for name, image in (("left", left), ("right", right)):
            if (image.shape[1], image.shape[0]) != self._size:
                raise ImageError(
                    f"{name} image is {image.shape[1]} x {image.shape[0]} pixels; "
                    f"expected {self._size[0]} x {self._size[1]} as the other one"
                )
        return (self._maps[0](left), self._maps[1](right)) if self._maps else (left, right)
