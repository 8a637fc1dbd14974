# SPDX-License-Identifier: Apache-2.0
"""Kalibr's camchain.yaml, and EuRoC's sensor.yaml of each camera; metres."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.extrinsics import RawCamera
from foundation_stereo_ros.io.calibration.stereo_file import (
    CalibrationText,
    Cameras,
    StereoFile,
    camera_matrix,
    image_size,
    numbers,
)
from foundation_stereo_ros.shapes import Matrix

_MODELS = {
    "radtan": "plumb_bob",
    "radial-tangential": "plumb_bob",
    "plumb_bob": "plumb_bob",
    "equidistant": "equidistant",
    "equi": "equidistant",
    "none": "none",
}


def read(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Read a chain's first two cameras, by their T_cn_cnm1; or one camera from each file, by their T_BS.

    Raises:
        FileFormatError: a value is missing, or a camera is no pinhole.
        CalibrationError: impossible numbers.
    """
    chain = [(text.path, name, values) for text in texts for name, values in _cameras(text)][:2]
    cameras = [_camera(path, name, values, size) for path, name, values in chain]
    if len(cameras) == 1:
        return StereoFile.of_rectified(cameras)
    (path, name, first), (path2, name2, second) = chain
    if "T_cn_cnm1" in second:
        pose = _pose(path2, name2, "T_cn_cnm1", second)
    elif "T_BS" in first and "T_BS" in second:
        pose = np.linalg.inv(_pose(path2, name2, "T_BS", second)) @ _pose(path, name, "T_BS", first)
    else:
        raise FileFormatError(
            f"{path2}: {name2} has no T_cn_cnm1; expected how it stands to the camera before it"
        )
    return StereoFile.of_raw(cameras, pose[:3, :3], pose[:3, 3])


def cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return the cameras of a chain, or the one of a sensor.yaml, by name."""
    return {name: partial(_camera, text.path, name, values, size) for name, values in _cameras(text)}


def _cameras(text: CalibrationText) -> list[tuple[str, Mapping[str, Any]]]:
    fields = text.yaml
    if "intrinsics" in fields:
        return [("the camera", fields)]
    found = [(str(name), values) for name, values in fields.items() if isinstance(values, Mapping)]
    found = sorted((name, values) for name, values in found if "intrinsics" in values)
    if not found:
        raise FileFormatError(f"{text.path} has no camera with intrinsics; expected cam0 and cam1")
    return found


def _camera(path: Path, name: str, values: Mapping[str, Any], size: tuple[int, int]) -> RawCamera:
    if values.get("camera_model", "pinhole") != "pinhole":
        model = reprlib.repr(values["camera_model"])
        raise FileFormatError(f"{path}: camera_model of {name} is {model}; expected pinhole")
    lens = str(values.get("distortion_model", "none")).lower()
    if lens not in _MODELS:
        known = ", ".join(_MODELS)
        raise FileFormatError(f"{path}: distortion_model of {name} is {reprlib.repr(lens)}; expected {known}")
    d = values.get("distortion_coeffs", values.get("distortion_coefficients", []))
    return RawCamera(
        image_size(path, "resolution", values.get("resolution", size)),
        camera_matrix(*numbers(path, f"intrinsics of {name}", values["intrinsics"], (4,))),
        _MODELS[lens],
        numbers(path, f"distortion of {name}", d, (-1,)),
    )


def _pose(path: Path, name: str, key: str, values: Mapping[str, Any]) -> Matrix:
    value = values[key].get("data") if isinstance(values[key], Mapping) else values[key]
    pose = numbers(path, f"{key} of {name}", value, (4, 4))
    if not np.isfinite(pose).all() or abs(np.linalg.det(pose)) < 0.5:
        raise FileFormatError(f"{path}: {key} of {name} is {pose.ravel().tolist()}; expected a pose")
    return pose
