# SPDX-License-Identifier: Apache-2.0
"""Calibration files of all the kinds that people have, as two calibrations in metres and pixels."""

from foundation_stereo_ros.io.calibration.camera_info import read_camera_info
from foundation_stereo_ros.io.calibration.formats import FORMATS, format_of, read_calibrations
from foundation_stereo_ros.io.calibration.one_camera import OneCamera, read_camera
from foundation_stereo_ros.io.calibration.stereo_file import CalibrationText, StereoFile

__all__ = [
    "FORMATS",
    "CalibrationText",
    "OneCamera",
    "StereoFile",
    "format_of",
    "read_calibrations",
    "read_camera",
    "read_camera_info",
]
