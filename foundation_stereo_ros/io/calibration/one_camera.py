# SPDX-License-Identifier: Apache-2.0
"""One camera of a calibration file of any of the kinds that are known."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import NamedTuple

from foundation_stereo_ros.errors import CalibrationError, FileFormatError
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.extrinsics import RawCamera
from foundation_stereo_ros.io.calibration.formats import format_of
from foundation_stereo_ros.io.calibration.stereo_file import CalibrationText


class OneCamera(NamedTuple):
    """A camera by itself.

    Attributes:
        calibration: in pixels of the full images.
        note: which of several cameras it is, where nobody chose, in a sentence; empty: there is one.
    """

    calibration: Calibration
    note: str = ""


def read_camera(path: str | PathLike[str], size: tuple[int, int], name: str = "") -> OneCamera:
    """Read one camera from a file of any of `FORMATS`.

    Args:
        path: the file.
        size: width and height of the images, for files that do not say, or are for several sizes.
        name: of the camera in the file, small and capital letters alike; empty: the first one.

    Raises:
        FileFormatError: the file cannot be read, is none of these, or something in it is missing; or it has
            no camera of this name.
        CalibrationError: impossible numbers.
    """
    text = CalibrationText(Path(path))
    cameras = format_of(text).cameras(text, size)
    names = ", ".join(cameras)
    if not cameras:
        raise FileFormatError(f"{path} has no camera; expected one")
    chosen = next((known for known in cameras if not name or known.lower() == name.lower()), None)
    if chosen is None:
        raise FileFormatError(f"{path} has no camera {name!r}; expected one of {names}", remedy="camera")
    try:
        camera = cameras[chosen]()
        calibration = camera.calibration() if isinstance(camera, RawCamera) else camera
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None
    several = len(cameras) > 1 and not name
    return OneCamera(calibration, f"{path} has the cameras {names}; {chosen} is used" if several else "")
