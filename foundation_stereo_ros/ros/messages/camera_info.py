# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/CameraInfo."""

from __future__ import annotations

from typing import Any

import numpy as np

from foundation_stereo_ros.errors import CalibrationError, counted
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.ros.messages.protocols import CameraInfo, Header
from foundation_stereo_ros.ros.messages.stamps import copy_header
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.shapes import Matrix


def decode_camera_info(message: CameraInfo) -> Calibration:
    """Return the numbers of a CameraInfo of ROS 2 (``d k r p``) or ROS 1 (``D K R P``).

    Any object with these and ``width`` and ``height`` will do. Without ``distortion_model``, ``binning_x``,
    ``binning_y``, ``roi`` or ``header`` it says of them what an empty field says.

    Raises:
        CalibrationError: no size, or a matrix with a wrong number of values or one that is not finite.
    """
    width, height = int(message.width), int(message.height)
    if width <= 0 or height <= 0:
        raise CalibrationError(
            f"camera_info is for {width} x {height} pixels; expected the size of the calibrated image"
        )
    roi = getattr(message, "roi", None)
    header = getattr(message, "header", None)
    return Calibration(
        width=width,
        height=height,
        distortion_model=str(getattr(message, "distortion_model", "")),
        d=_matrix(message, "d", (-1,)),
        k=_matrix(message, "k", (3, 3)),
        r=_matrix(message, "r", (3, 3)),
        p=_matrix(message, "p", (3, 4)),
        binning_x=int(getattr(message, "binning_x", 0)),
        binning_y=int(getattr(message, "binning_y", 0)),
        roi=(int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)) if roi else (0, 0, 0, 0),
        do_rectify=bool(roi and roi.do_rectify),
        frame_id=str(header.frame_id) if header else "",
    )


def calibration_numbers(message: CameraInfo) -> tuple[Any, ...]:
    """Return all of a CameraInfo but its header, to compare it with another; nothing is checked."""
    sizes = (getattr(message, name, None) for name in ("width", "height", "binning_x", "binning_y"))
    roi = getattr(message, "roi", None)
    region = (getattr(roi, name, None) for name in ("x_offset", "y_offset", "width", "height", "do_rectify"))
    matrices = (getattr(message, name, getattr(message, name.upper(), None)) for name in "dkrp")
    numbers = (np.asarray(matrix, object).ravel().tolist() for matrix in matrices)
    return getattr(message, "distortion_model", None), *sizes, *region, *numbers


def encode_camera_info(types: MessageTypes, header: Header, camera: Camera, tx: float = 0.0) -> Any:
    """Return the CameraInfo of a rectified image: no distortion, R identity, K and P of ``camera``.

    Args:
        types: classes to build.
        header: of the image beside it; stamp and frame are copied.
        camera: of the published grid.
        tx: P[3] in pixels times metres of the same grid: 0 for a left camera, -fx * baseline for a right one.
    """
    k = camera.matrix
    p = np.hstack((k, ((tx,), (0,), (0,))))
    return types.CameraInfo(
        header=copy_header(types, header),
        height=int(camera.height),
        width=int(camera.width),
        distortion_model="plumb_bob",
        d=types.floats(np.zeros(5)),
        k=k.ravel(),
        r=np.eye(3).ravel(),
        p=p.ravel(),
        binning_x=0,
        binning_y=0,
        roi=types.RegionOfInterest(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )


def _matrix(message: CameraInfo, name: str, shape: tuple[int, ...]) -> Matrix:
    values = getattr(message, name, None)
    if values is None:
        values = getattr(message, name.upper())
    numbers = np.array(values, np.float64).ravel()
    count = int(np.prod(shape))
    if count > 0 and numbers.size != count:
        raise CalibrationError(
            f"camera_info's {name.upper()} has {counted(numbers.size, 'value')}; expected {count}"
        )
    return numbers.reshape(shape)
