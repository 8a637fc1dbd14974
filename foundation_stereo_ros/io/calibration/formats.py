# SPDX-License-Identifier: Apache-2.0
"""Which kinds of calibration files there are, and by what in them each is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from foundation_stereo_ros.errors import CalibrationError, FileFormatError
from foundation_stereo_ros.io.calibration import camera_info, colmap, devices, kalibr, opencv, texts
from foundation_stereo_ros.io.calibration.stereo_file import CalibrationText, Cameras, StereoFile

Reader = Callable[[Sequence[CalibrationText], tuple[int, int]], StereoFile]


def _has(pattern: str) -> Callable[[CalibrationText], bool]:
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: compiled.search(text.text) is not None


class Format(NamedTuple):
    """A row of `FORMATS`.

    Attributes:
        name: what people call it.
        known: whether a file is of this kind, by what is in it.
        read: takes the files of one or two cameras, and the size of the images.
        cameras: takes one file and the size of the images, for those who want one of its cameras only.
    """

    name: str
    known: Callable[[CalibrationText], bool]
    read: Reader
    cameras: Callable[[CalibrationText, tuple[int, int]], Cameras]


FORMATS = (
    Format(
        "OpenCV's FileStorage",
        _has(r'\A\s*%YAML:1|!!opencv-|<opencv_storage>|"opencv-(nd-)?matrix"'),
        opencv.read,
        opencv.cameras,
    ),
    Format("OAK (DepthAI) JSON", _has(r'"cameraData"\s*:'), devices.read_oak, devices.oak_cameras),
    Format(
        "RealSense-style JSON (fx, fy, ppx, ppy)",
        _has(r'"fx"\s*:'),
        devices.read_realsense,
        devices.realsense_cameras,
    ),
    Format("a ZED's .conf", _has(r"(?i)^\s*\[(LEFT|RIGHT)_CAM_\w+\]"), devices.read_zed, devices.zed_cameras),
    Format(
        "Middlebury's calib.txt (cam0=)",
        _has(r"^\s*cam0\s*="),
        texts.read_middlebury,
        texts.middlebury_cameras,
    ),
    Format(
        "KITTI's calib.txt (P0:, P_rect_00:)",
        _has(r"^\s*P(_rect_0)?[0-3]\s*:\s*[-+.\d]"),
        texts.read_kitti,
        texts.kitti_cameras,
    ),
    Format(
        "COLMAP's cameras.txt (of one camera)",
        _has(r"^\s*\d+\s+[A-Z_]{5,}\s+\d+\s+\d+\s+[-+.\d]"),
        colmap.read,
        colmap.cameras,
    ),
    Format(
        "Kalibr's camchain or EuRoC's sensor.yaml (intrinsics:)",
        _has(r"""\bintrinsics["']?\s*:"""),
        kalibr.read,
        kalibr.cameras,
    ),
    Format(
        "CameraInfo as YAML (k: or camera_matrix:)",
        _has(r"""^\W*(k|K|camera_matrix|p|P|projection_matrix|image_width|width)["']?\s*:"""),
        camera_info.read,
        camera_info.cameras,
    ),
    Format("a matrix K, and the baseline", texts.is_matrix, texts.read_matrix, texts.matrix_cameras),
)
"""The first one that knows a file reads it."""


def read_calibrations(paths: Sequence[str | PathLike[str]], size: tuple[int, int]) -> StereoFile:
    """Read the calibration of a stereo pair from files of any of `FORMATS`.

    Args:
        paths: one file, or that of the left camera and that of the right one.
        size: width and height of the images, for files that do not say, or are for several sizes.

    Raises:
        FileFormatError: a file cannot be read, is none of these, or something in it is missing.
        CalibrationError: impossible numbers.
    """
    found = [CalibrationText(Path(path)) for path in paths]
    chosen = [format_of(text) for text in found]
    if len({row.name for row in chosen}) > 1:
        raise FileFormatError(
            f"{found[0].path} is {chosen[0].name} and {found[1].path} is {chosen[1].name}; "
            "expected two of one kind"
        )
    try:
        return chosen[0].read(found, size)
    except CalibrationError as error:
        raise CalibrationError(f"{' and '.join(map(str, paths))}: {error}") from None


def format_of(text: CalibrationText) -> Format:
    """Return the kind of a file.

    Raises:
        FileFormatError: it is of none.
    """
    for row in FORMATS:
        if row.known(text):
            return row
    looked = "; ".join(row.name for row in FORMATS)
    raise FileFormatError(f"{text.path} is no calibration that is known; looked for: {looked}")
