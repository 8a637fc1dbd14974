# SPDX-License-Identifier: Apache-2.0
"""Calibration files: the research demo's intrinsics, and CameraInfo as YAML in both of its spellings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from foundation_stereo_ros.errors import CalibrationError, FileFormatError
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.io.documents import read_yaml
from foundation_stereo_ros.io.files import read_text
from foundation_stereo_ros.shapes import Matrix

_NAMES = {
    "width": ("width", "image_width"),
    "height": ("height", "image_height"),
    "distortion_model": ("distortion_model",),
    "d": ("d", "D", "distortion_coefficients"),
    "k": ("k", "K", "camera_matrix"),
    "r": ("r", "R", "rectification_matrix"),
    "p": ("p", "P", "projection_matrix"),
}
"""Field -> its names in a CameraInfo message (ROS 2, ROS 1) and in a file of camera_calibration_parsers."""


def is_yaml(path: Path) -> bool:
    """Tell whether a calibration file is a CameraInfo, by its name."""
    return path.suffix.lower() in (".yaml", ".yml")


def read_intrinsics(path: Path) -> tuple[Matrix, float]:
    """Read the research demo's file: K row by row on the first line, the baseline on the second.

    Returns:
        K (3 x 3, pixels) and the baseline in metres.

    Raises:
        FileFormatError: the file cannot be read or says something else.
    """
    lines = [line.replace(",", " ").split() for line in read_text(path).splitlines() if line.strip()]
    expected = "expected nine numbers of K row by row on line 1 and the baseline in metres on line 2"
    if len(lines) != 2 or len(lines[0]) != 9 or len(lines[1]) != 1:
        counts = " and ".join(str(len(line)) for line in lines[:3]) or "no"
        raise FileFormatError(f"{path} has {counts} values on its lines; {expected}")
    try:
        values = [float(word) for line in lines for word in line]
    except ValueError as error:
        raise FileFormatError(f"{path}: {error}; {expected}") from None
    return np.array(values[:9]).reshape(3, 3), values[9]


def camera_from_intrinsics(path: Path, size: tuple[int, int], baseline: float | None = None) -> StereoRig:
    """Read the research demo's file as two equal cameras.

    Args:
        path: the file; see `read_intrinsics`.
        size: width and height of the images.
        baseline: metres, in place of the file's.

    Raises:
        FileFormatError: the file cannot be read or says something else.
        CalibrationError: a focal length or the baseline is not positive.
    """
    k, file_baseline = read_intrinsics(path)
    if not (np.isfinite(k).all() and k[0, 0] > 0 and k[1, 1] > 0):
        raise CalibrationError(
            f"{path}: fx and fy are {k[0, 0]} and {k[1, 1]}; expected positive numbers of pixels"
        )
    camera = Camera(*size, fx=k[0, 0], fy=k[1, 1], cx=k[0, 2], cy=k[1, 2])
    return StereoRig(camera, camera, file_baseline if baseline is None else baseline)


def read_camera_info(path: str | PathLike[str]) -> Calibration:
    """Read a CameraInfo from YAML.

    Known are the file of camera_calibration_parsers, and a message as ``ros2 topic echo`` prints it.

    Raises:
        FileFormatError: the file cannot be read, or a field is missing or has another number of values.
    """
    path = Path(path)
    fields = _document(path)
    values = {name: _find(fields, names) for name, names in _NAMES.items()}
    missing = [name for name in ("width", "height", "k") if values[name] is None]
    if missing:
        names = ", ".join(" or ".join(_NAMES[name]) for name in missing)
        raise FileFormatError(f"{path} is not a CameraInfo: it has no {names}")
    k = _matrix(path, "k", values["k"], (3, 3))
    projection = values["p"]
    if projection is None:
        projection = np.hstack((k, np.zeros((3, 1)))).ravel().tolist()
    return Calibration(
        width=_size(path, "width", values["width"]),
        height=_size(path, "height", values["height"]),
        distortion_model=str(values["distortion_model"] or ""),
        d=_matrix(path, "d", [] if values["d"] is None else values["d"], (-1,)),
        k=k,
        r=_matrix(path, "r", np.eye(3).ravel().tolist() if values["r"] is None else values["r"], (3, 3)),
        p=_matrix(path, "p", projection, (3, 4)),
    )


def read_camera_infos(left: Path, right: Path | None = None) -> tuple[Calibration, Calibration]:
    """Read the calibrations of a left and a right camera.

    Args:
        left: YAML, see `read_camera_info`.
        right: None: ``left`` stands for both cameras, which are rectified and equal. It is then the file of
            the right one, since only that knows the baseline.

    Raises:
        FileFormatError: a file cannot be read, or a field is missing or has another number of values.
    """
    first = read_camera_info(left)
    if right is not None:
        return first, read_camera_info(right)
    p = first.p.copy()
    p[0, 3] = 0.0
    return dataclasses.replace(first, p=p), first


def _document(path: Path) -> Mapping[str, Any]:
    document = read_yaml(path)  # `ros2 topic echo` ends every message with `---`; the first one is taken
    if not isinstance(document, Mapping):
        raise FileFormatError(f"{path} is not a CameraInfo: expected names and values")
    return document


def _find(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    value = next((fields[name] for name in names if name in fields), None)
    return value.get("data") if isinstance(value, Mapping) else value


def _matrix(path: Path, name: str, value: Any, shape: tuple[int, ...]) -> Matrix:
    try:
        numbers = np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        raise FileFormatError(f"{path}: {name} is {value!r}; expected numbers") from None
    count = abs(int(np.prod(shape)))
    if shape != (-1,) and numbers.size != count:
        raise FileFormatError(f"{path}: {name} has {numbers.size} values; expected {count}")
    return numbers.reshape(shape)


def _size(path: Path, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise FileFormatError(f"{path}: {name} is {value!r}; expected a positive number of pixels")
    return value
