# SPDX-License-Identifier: Apache-2.0
"""Calibrations of makers of stereo cameras: ZED's .conf, and the JSON of OAK and of RealSense's tools."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.extrinsics import RawCamera
from foundation_stereo_ros.geometry.rectify import is_rotation
from foundation_stereo_ros.io.calibration.stereo_file import (
    CalibrationText,
    Cameras,
    StereoFile,
    camera_matrix,
    mappings,
    number,
    numbers,
    only,
    pixels,
)
from foundation_stereo_ros.shapes import Matrix

_ZED_SIZES = {
    (2208, 1242): "2K",
    (1920, 1200): "FHD1200",
    (1920, 1080): "FHD",
    (1280, 720): "HD",
    (960, 600): "SVGA",
    (672, 376): "VGA",
}
_ZED_SIDES = ("LEFT", "RIGHT")
_LEFT = re.compile(r"left|(infra|infrared|ir|fisheye)[ _]?1|cam(era)?_?0", re.IGNORECASE)
_RIGHT = re.compile(r"right|(infra|infrared|ir|fisheye)[ _]?2|cam(era)?_?1", re.IGNORECASE)


def read_zed(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Read the section of a ZED's .conf that is for images of this size; its lengths are millimetres.

    Raises:
        FileFormatError: there is no such section, or a value in it is missing or no number.
        CalibrationError: impossible numbers.
    """
    conf = _Zed(only(texts), size)
    cameras = [conf.camera(side) for side in _ZED_SIDES]
    mode, value = conf.mode, conf.value
    turn = [value("STEREO", f"{axis}_{mode}", axis, default=0.0) for axis in ("RX", "CV", "RZ")]
    # As the maker's own reader does, but for the sign, by which P[3] becomes negative.
    across = [value("STEREO", f"{axis}_{mode}", axis, default=0.0) for axis in ("TY", "TZ")]
    shift = -np.array((value("STEREO", "Baseline"), *across))
    return StereoFile.of_raw(cameras, np.asarray(cv2.Rodrigues(np.array(turn))[0]), shift / 1000)


def zed_cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return the cameras ``left`` and ``right`` for images of this size."""
    conf = _Zed(text, size)
    return {side.lower(): partial(conf.camera, side) for side in _ZED_SIDES}


class _Zed:
    """A ZED's .conf, for images of one size."""

    def __init__(self, text: CalibrationText, size: tuple[int, int]) -> None:
        self._path, self._size, self.mode = text.path, size, _ZED_SIZES.get(size)
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            parser.read_string(text.text)
        except configparser.Error as error:
            raise FileFormatError(
                f"{self._path} is no .conf of a ZED: {' '.join(str(error).split())}"
            ) from None
        self._sections = {name.upper(): parser[name] for name in parser.sections()}

    def camera(self, side: str) -> RawCamera:
        """Return the camera of LEFT or RIGHT."""
        name = f"{side}_CAM_{self.mode}"
        k = camera_matrix(*(self.value(name, key) for key in ("fx", "fy", "cx", "cy")))
        d = np.array(
            [self.value(name, key, default=0.0) for key in ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")]
        )
        return RawCamera(self._size, k, "rational_polynomial" if d[5:].any() else "plumb_bob", d)

    def value(self, section: str, *keys: str, default: float | None = None) -> float:
        """Return a number of a section, by the first of its names that is there."""
        if section not in self._sections:
            width, height = self._size
            expected = f"[{section}] in it" if self.mode else "the size of one of a ZED's modes"
            raise FileFormatError(
                f"{self._path} has {', '.join(self._sections)} and nothing for images of {width} x {height} "
                f"pixels; expected {expected}"
            )
        found = self._sections[section]
        key = next((key for key in keys if key in found), None)
        if key is None and default is None:
            raise FileFormatError(
                f"{self._path} has no {keys[0]} in [{section}]; expected a calibration of a ZED"
            )
        return default or 0.0 if key is None else number(self._path, key, found[key])


def read_oak(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Read the calibration that DepthAI writes of an OAK; its lengths are centimetres.

    Raises:
        FileFormatError: a value is missing, or the two cameras are not linked.
        CalibrationError: impossible numbers.
    """
    text = only(texts)
    path, cameras = text.path, _sockets(text)
    chosen = text.json.get("stereoRectificationData")
    chosen = chosen if isinstance(chosen, Mapping) else {}
    sides = [_socket(chosen.get(key)) for key in ("leftCameraSocket", "rightCameraSocket")]
    left, right = sides if all(side in cameras for side in sides) else (1, 2)
    made = [_oak_camera(path, cameras[side], size) for side in (left, right) if side in cameras]
    if len(made) < 2:
        missing = right if left in cameras else left
        if not made:
            raise FileFormatError(f"{path} has no camera {missing}; expected those of sockets 1 and 2")
        return StereoFile.of_rectified(
            made, note=f"there is no camera {missing}, the other one stands for both"
        )
    first, second = _links(path, cameras, left), _links(path, cameras, right)
    meeting = next((socket for socket in first if socket in second), None)
    if meeting is None:
        raise FileFormatError(f"{path}: cameras {left} and {right} are not linked; expected their extrinsics")
    pose = np.linalg.inv(second[meeting]) @ first[meeting]
    return StereoFile.of_raw(made, pose[:3, :3], pose[:3, 3] / 100)


def oak_cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return the cameras by their sockets."""
    found = sorted(_sockets(text).items())
    return {str(socket): partial(_oak_camera, text.path, camera, size) for socket, camera in found}


def _socket(value: Any) -> int:
    return value if isinstance(value, int) else -1


def _sockets(text: CalibrationText) -> dict[int, Mapping[str, Any]]:
    entries = text.json.get("cameraData")
    try:
        found = {int(socket): camera for socket, camera in entries}  # type: ignore[union-attr]
        if all(isinstance(camera, Mapping) for camera in found.values()):
            return found
    except (TypeError, ValueError, OverflowError):
        pass
    raise FileFormatError(
        f"{text.path}: cameraData has no pairs of a socket and a camera; expected those of DepthAI"
    )


def _oak_camera(path: Path, camera: Mapping[str, Any], size: tuple[int, int]) -> RawCamera:
    own = size
    if camera.get("width") and camera.get("height"):
        own = pixels(path, "width", camera["width"]), pixels(path, "height", camera["height"])
    d = numbers(path, "distortionCoeff", camera.get("distortionCoeff", []), (-1,))
    k = numbers(path, "intrinsicMatrix", camera.get("intrinsicMatrix", []), (3, 3))
    return RawCamera(own, k, "equidistant" if camera.get("cameraType") == 1 else "rational_polynomial", d)


def _links(path: Path, cameras: Mapping[int, Mapping[str, Any]], socket: int) -> dict[int, Matrix]:
    """Return the cameras that a camera is linked to, each with the pose that takes points there, cm."""
    pose, reached = np.eye(4), dict[int, Matrix]()
    while socket in cameras and socket not in reached:
        reached[socket] = pose
        link = cameras[socket].get("extrinsics")
        if not isinstance(link, Mapping):
            break
        offset = link.get("translation")
        step = np.eye(4)
        if isinstance(offset, Mapping):
            step[:3, 3] = numbers(path, "translation", [offset.get(axis) for axis in "xyz"], (3,))
        turn = numbers(path, "rotationMatrix", link.get("rotationMatrix") or np.eye(3), (3, 3))
        step[:3, :3] = turn if turn.any() else np.eye(3)
        if not (np.isfinite(step).all() and is_rotation(step[:3, :3])):
            raise FileFormatError(f"{path}: extrinsics of camera {socket} are no rotation and translation")
        pose, socket = step @ pose, _socket(link.get("toCameraSocket"))
    return reached


def read_realsense(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Read JSON with librealsense's names: fx, fy, ppx, ppy, and perhaps coeffs, model, width and height.

    It is of one camera for both, or of two whose names say left and right, infra1 and infra2, or the like.
    ``baseline`` and ``extrinsics`` are in metres, ``baseline_mm`` is not.

    Raises:
        FileFormatError: a value is missing or no number.
        CalibrationError: impossible numbers.
    """
    found = [
        (text.path, name if len(texts) == 1 else ("left", "right")[place], values)
        for place, text in enumerate(texts)
        for name, values in mappings(text.json)
        if "fx" in values
    ]
    if not found:
        raise FileFormatError(f"{texts[0].path} has no fx; expected an object with fx, fy, ppx and ppy")
    if len(found) > 1:
        sides = [[camera for camera in found if side.search(camera[1])] for side in (_LEFT, _RIGHT)]
        if not all(sides):
            names = ", ".join(name for _, name, _ in found)
            raise FileFormatError(f"{texts[0].path} has the cameras {names}; expected a left and a right one")
        found = [sides[0][0], sides[1][0]]
    cameras = [_realsense_camera(path, values, size) for path, _, values in found]
    path, every = texts[0].path, [values for text in texts for _, values in mappings(text.json)]
    extrinsics = next((values for values in every if "translation" in values and "rotation" in values), None)
    if extrinsics and len(cameras) == 2:
        # librealsense stores column by column. Files have either direction; the right camera is on the right.
        turn = numbers(path, "rotation", extrinsics["rotation"], (3, 3)).T
        shift = numbers(path, "translation", extrinsics["translation"], (3,))
        if shift[0] > 0:
            turn, shift = turn.T, -turn.T @ shift
        return StereoFile.of_raw(cameras, turn, shift)
    lengths = {"baseline": 1.0, "baseline_m": 1.0, "baseline_mm": 1000.0}
    baseline = next(
        (
            number(path, key, values[key]) / unit
            for values in every
            for key, unit in lengths.items()
            if key in values
        ),
        0.0,
    )
    return StereoFile.of_rectified(cameras, baseline=baseline)


def realsense_cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return the objects with an fx by their names; the only one may have none."""
    return {
        name or "camera": partial(_realsense_camera, text.path, values, size)
        for name, values in mappings(text.json)
        if "fx" in values
    }


def _realsense_camera(path: Path, values: Mapping[str, Any], size: tuple[int, int]) -> RawCamera:
    fx = number(path, "fx", values["fx"])
    centre = []
    for name, other in (("ppx", "cx"), ("ppy", "cy")):
        if name not in values and other not in values:
            raise FileFormatError(f"{path} has fx, but no {name}; expected fx, fy, ppx and ppy")
        centre.append(number(path, name, values.get(name, values.get(other))))
    model = re.sub(r"[^a-z]", "", str(values.get("model", values.get("distortion_model", ""))).lower())
    d = numbers(path, "coeffs", values.get("coeffs", values.get("distortion", [])), (-1,))
    if re.search("inverse|modified|ftheta", model) and d.any():
        raise FileFormatError(
            f"{path}: the lens model is {model[:40]}; expected brown_conrady or kannala_brandt4"
        )
    if "width" in values and "height" in values:
        size = pixels(path, "width", values["width"]), pixels(path, "height", values["height"])
    fisheye = re.search("kannala|equidistant|fisheye", model)
    k = camera_matrix(fx, number(path, "fy", values.get("fy", fx)), *centre)
    return RawCamera(size, k, "equidistant" if fisheye else "plumb_bob", d)
