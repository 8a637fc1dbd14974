# SPDX-License-Identifier: Apache-2.0
"""Two calibrations to the cameras of rectified images, and raw images to rectified ones where needed."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import CalibrationError, ImageError
from foundation_stereo_ros.estimate.config import RectificationSettings
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.geometry.calibration import Calibration, upright_or_turned
from foundation_stereo_ros.geometry.plausibility import oddities
from foundation_stereo_ros.geometry.rectify import Rectifier
from foundation_stereo_ros.io.calibration import read_calibrations
from foundation_stereo_ros.shapes import RgbImage

if TYPE_CHECKING:
    from typing_extensions import Self

_TURNED = "one camera is above the other: there is depth, but no disparity, which is along rows"

T = TypeVar("T", bound=np.generic)

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

    Images of cameras one above the other are turned by 90 degrees, since networks look along rows; `restored`
    turns the prediction back.

    Args:
        left: calibration of the left camera.
        right: of the right one.
        size: width and height of the images.
        config: whether to rectify, and a baseline in place of the calibration's; None: the defaults.
        rectified: what is known about the images, see `says_rectified`; None: distortion or rotation in a
            calibration means that they are raw.

    Attributes:
        rig: the cameras of the images that `__call__` returns.
        active: whether it rectifies them.
        turns: quarter turns counter-clockwise that it makes: 0 for cameras side by side, otherwise 1 or -1.
        oddities: what is unusual about the rig, see `plausibility.oddities`; also logged as warnings.
        note: what was chosen or assumed and the user should know, a sentence; empty: nothing.

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
        self.rig, self.turns = upright_or_turned(
            left, right, image_size=size, baseline=config.baseline or None
        )
        self.note = _TURNED if self.turns else ""
        if self.turns:
            _log.info("%s", _TURNED)
        self.oddities = oddities(self.rig)
        for sentence in self.oddities:
            _log.warning("%s", sentence)
        if automatic and not self.active:
            _log.warning(
                "CameraInfo has a distortion or a rotation, and rectification is off: "
                "wrong depths unless the images are rectified already"
            )
        self._size = size
        self._maps = (Rectifier(left, size), Rectifier(right, size)) if self.active else None

    @classmethod
    def from_files(
        cls,
        paths: Sequence[str | PathLike[str]],
        size: tuple[int, int],
        config: RectificationSettings | None = None,
        rectified: bool | None = None,
    ) -> Self:
        """Read the calibrations from files of any kind that `read_calibrations` knows.

        Args:
            paths: one file, or that of the left camera and that of the right one.
            size: width and height of the images.
            config: as for the constructor.
            rectified: as for the constructor.

        Raises:
            FileFormatError: a file cannot be read, or says something else.
            CalibrationError: the calibrations cannot be used for stereo or do not fit the images.
        """
        config = config or RectificationSettings()
        found, named = read_calibrations(paths, size), " and ".join(map(str, paths))
        if found.shared and found.right.needs_rectification and config.rectification != "off":
            raise CalibrationError(
                f"{named} has a distortion or a rotation; expected the files of both cameras"
            )
        if found.computed:
            if rectified or config.rectification == "off":
                raise CalibrationError(
                    f"{named} is the calibration of raw images and does not say how the images were "
                    "rectified; expected raw images, and rectification that is not off"
                )
            config = dataclasses.replace(config, rectification="on")
        try:
            made = cls(found.left, found.right, size, config, rectified)
        except CalibrationError as error:
            raise CalibrationError(f"{named}: {error}") from None
        rectified_with = "the images are rectified with it" if made.active else ""
        notes = [note for note in (found.note, rectified_with, made.note) if note]
        made.note = f"{named}: {'; '.join(notes)}" if notes else ""
        return made

    def __call__(self, left: RgbImage, right: RgbImage) -> tuple[RgbImage, RgbImage]:
        """Return the rectified images, turned where that is needed.

        Raises:
            ImageError: an image has another size than the one given at the start.
        """
        for name, image in (("left", left), ("right", right)):
            if (image.shape[1], image.shape[0]) != self._size:
                raise ImageError(
                    f"{name} image is {image.shape[1]} x {image.shape[0]} pixels; "
                    f"expected {self._size[0]} x {self._size[1]} as the other one"
                )
        if self._maps:
            left, right = self._maps[0](left), self._maps[1](right)
        if self.turns:
            left, right = _turned(left, self.turns), _turned(right, self.turns)
        return left, right

    def restored(self, prediction: Prediction) -> Prediction:
        """Return the prediction for the images of `__call__` on the left camera's own grid.

        Of cameras one above the other it has no disparity: that of ROS is along rows.
        """
        if not self.turns:
            return prediction
        back, confidence = -self.turns, prediction.confidence
        size = prediction.camera.height, prediction.camera.width
        return dataclasses.replace(
            prediction,
            image=_turned(prediction.image, back),
            depth=_turned(prediction.depth, back),
            camera=self.rig.left.turned(back).scaled(*size),
            confidence=None if confidence is None else _turned(confidence, back),
            match=None,
            remarks=tuple(remark.turned(back) for remark in prediction.remarks),
        )


def _turned(array: npt.NDArray[T], turns: int) -> npt.NDArray[T]:
    return np.ascontiguousarray(np.rot90(array, turns))
