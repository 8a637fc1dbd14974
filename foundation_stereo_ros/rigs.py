# SPDX-License-Identifier: Apache-2.0
"""Rigs from what people have: CameraInfo messages, and calibration files."""

from __future__ import annotations

from os import PathLike
from typing import Any

from foundation_stereo_ros.geometry.calibration import stereo_camera
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.io.calibration import read_calibrations
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info


def rig_from_camera_info(
    left: Any, right: Any, *, size: tuple[int, int] | None = None, baseline: float | None = None
) -> StereoRig:
    """Return the rig of rectified images that come with two CameraInfos; P counts.

    Images that are not rectified yet want a `StereoRectification`, whose ``rig`` is the same.

    Args:
        left: a sensor_msgs/CameraInfo of ROS 2 or ROS 1, or any object with its fields.
        right: of the right camera; its P[3] is -fx * baseline.
        size: width and height of the images; None: as the CameraInfo says.
        baseline: metres, in place of what P[3] says.

    Raises:
        CalibrationError: not calibrated, sizes that do not fit, focal lengths or rows that differ, or a
            baseline that is not positive.
    """
    first, second = decode_camera_info(left), decode_camera_info(right)
    return stereo_camera(first, second, image_size=size or first.image_size, baseline=baseline)


def rig_from_file(
    left: str | PathLike[str],
    right: str | PathLike[str] | None = None,
    *,
    size: tuple[int, int],
    baseline: float | None = None,
) -> StereoRig:
    """Return the rig of rectified images that calibration files tell.

    Images that are not rectified yet want `StereoRectification.from_files`, whose ``rig`` is the same.

    Args:
        left: a file of any kind that docs/command_line.md lists: CameraInfo as YAML, OpenCV, Kalibr,
            Middlebury, KITTI, ZED, OAK, RealSense, or K row by row and the baseline in metres.
        right: the right camera's, where each camera has a file; None: ``left`` has both, or stands for two
            equal ones, as the YAML of the right camera.
        size: width and height of the images.
        baseline: metres, in place of the files'.

    Raises:
        FileFormatError: a file cannot be read, or is none of these.
        CalibrationError: the cameras cannot be used for stereo.
    """
    found = read_calibrations([left] if right is None else [left, right], size)
    return stereo_camera(found.left, found.right, image_size=size, baseline=baseline)
