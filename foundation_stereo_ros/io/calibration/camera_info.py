# SPDX-License-Identifier: Apache-2.0
"""CameraInfo as YAML in its spellings: of camera_calibration_parsers, and of ``ros2 topic echo``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.calibration import Calibration, RegionOfInterest
from foundation_stereo_ros.io.calibration.stereo_file import (
    CalibrationText,
    Cameras,
    StereoFile,
    numbers,
    pixels,
)

_NAMES = {
    "width": ("width", "image_width"),
    "height": ("height", "image_height"),
    "distortion_model": ("distortion_model",),
    "d": ("d", "D", "distortion_coefficients"),
    "k": ("k", "K", "camera_matrix"),
    "r": ("r", "R", "rectification_matrix"),
    "p": ("p", "P", "projection_matrix"),
    "binning_x": ("binning_x",),
    "binning_y": ("binning_y",),
}
"""Field -> its names in a CameraInfo message (ROS 2, ROS 1) and in a file of camera_calibration_parsers."""


def read_camera_info(path: str | PathLike[str]) -> Calibration:
    """Read a CameraInfo from YAML.

    Known are the file of camera_calibration_parsers, and a message as ``ros2 topic echo`` prints it.

    Raises:
        FileFormatError: the file cannot be read, or a field is missing or has another number of values.
    """
    return _camera_info(CalibrationText(Path(path)))


def read(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Read the CameraInfo of both cameras; or of the right one, which knows the baseline, for both.

    Raises:
        FileFormatError: a field is missing or has another number of values.
    """
    infos = [_camera_info(text) for text in texts]
    if len(infos) == 2:
        return StereoFile(infos[0], infos[1])
    p = infos[0].p.copy()
    p[:2, 3] = 0.0
    return StereoFile(dataclasses.replace(infos[0], p=p), infos[0], shared=True)


def cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return the one camera, by the name that the file may have for it."""
    name = text.yaml.get("camera_name")
    return {name if isinstance(name, str) and name else "camera": lambda: _camera_info(text)}


def _camera_info(text: CalibrationText) -> Calibration:
    path, fields = text.path, text.yaml
    if not fields:
        raise FileFormatError(f"{path} is not a CameraInfo: expected names and values")
    values = {name: _find(fields, names) for name, names in _NAMES.items()}
    missing = [name for name in ("width", "height", "k") if values[name] is None]
    if missing:
        names = ", ".join(" or ".join(_NAMES[name]) for name in missing)
        raise FileFormatError(f"{path} is not a CameraInfo: it has no {names}")
    k = numbers(path, "k", values["k"], (3, 3))
    projection = values["p"]
    if projection is None:
        projection = np.hstack((k, np.zeros((3, 1))))
    return Calibration(
        width=pixels(path, "width", values["width"]),
        height=pixels(path, "height", values["height"]),
        distortion_model=str(values["distortion_model"] or ""),
        d=numbers(path, "d", [] if values["d"] is None else values["d"], (-1,)),
        k=k,
        r=numbers(path, "r", np.eye(3) if values["r"] is None else values["r"], (3, 3)),
        p=numbers(path, "p", projection, (3, 4)),
        binning_x=_count(path, "binning_x", values["binning_x"]),
        binning_y=_count(path, "binning_y", values["binning_y"]),
        roi=_region(path, fields.get("roi")),
    )


def _region(path: Path, roi: Any) -> RegionOfInterest:
    if not isinstance(roi, Mapping):
        return 0, 0, 0, 0
    x, y, width, height = (
        _count(path, f"roi.{name}", roi.get(name)) for name in ("x_offset", "y_offset", "width", "height")
    )
    return x, y, width, height


def _count(path: Path, name: str, value: Any) -> int:
    return pixels(path, name, value) if value else 0


def _find(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    value = next((fields[name] for name in names if name in fields), None)
    return value.get("data") if isinstance(value, Mapping) else value
