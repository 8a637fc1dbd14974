# SPDX-License-Identifier: Apache-2.0
"""Calibrations as lines of text: a bare matrix, Middlebury's and KITTI's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.extrinsics import RawCamera
from foundation_stereo_ros.io.calibration.stereo_file import (
    CalibrationText,
    Cameras,
    StereoFile,
    image_size,
    number,
    numbers,
    only,
    words,
)
from foundation_stereo_ros.shapes import Matrix


def is_matrix(text: CalibrationText) -> bool:
    """Tell whether a file has nothing but numbers, but for brackets and comments."""
    try:
        return bool([float(word) for word in words(" ".join(text.lines))])
    except ValueError:
        return False


def read_matrix(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Read K row by row, and perhaps the baseline in metres; of two cameras from two files.

    Raises:
        FileFormatError: there are other numbers.
    """
    found = [_matrix(text) for text in texts]
    cameras = [RawCamera(size, k) for k, _ in found]
    return StereoFile.of_rectified(cameras, baseline=next((b for _, b in reversed(found) if b), 0.0))


def matrix_cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return the one camera of a matrix."""
    return {"camera": lambda: RawCamera(size, _matrix(text)[0])}


def _matrix(text: CalibrationText) -> tuple[Matrix, float]:
    values = words(" ".join(text.lines))
    expected = "expected nine numbers of K row by row, and perhaps the baseline in metres after them"
    if len(values) not in (9, 10):
        raise FileFormatError(f"{text.path} has {len(values)} numbers; {expected}")
    k = numbers(text.path, "K", values[:9], (3, 3))
    if k[2].tolist() != [0, 0, 1]:
        hint = " (is it transposed?)" if k[:, 2].tolist() == [0, 0, 1] else ""
        row = " ".join(values[6:9])
        raise FileFormatError(f"{text.path}: the third row of K is {row}; expected 0 0 1{hint}")
    return k, float(values[9]) if len(values) == 10 else 0.0


def read_middlebury(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Read Middlebury's calib.txt, which ETH3D has too; its baseline is in millimetres.

    Raises:
        FileFormatError: a value is missing or no number.
    """
    text = only(texts)
    path, fields = text.path, text.fields("=")
    if "baseline" not in fields:
        raise FileFormatError(f"{path} has cam0, but no baseline; expected all of Middlebury's calib.txt")
    left = numbers(path, "cam0", fields["cam0"], (3, 3))
    right = left.copy()
    if "cam1" in fields:
        right = numbers(path, "cam1", fields["cam1"], (3, 3))
    else:
        right[0, 2] += number(path, "doffs", fields.get("doffs", "0"))
    if "width" in fields and "height" in fields:
        size = image_size(path, "width and height", [fields["width"], fields["height"]])
    baseline = number(path, "baseline", fields["baseline"]) / 1000
    return StereoFile.of_rectified([RawCamera(size, left), RawCamera(size, right)], baseline)


def middlebury_cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return cam0, and cam1 if it is there."""
    path, fields = text.path, text.fields("=")
    own = size
    if "width" in fields and "height" in fields:
        own = image_size(path, "width and height", [fields["width"], fields["height"]])
    return {
        name: partial(_middlebury_camera, path, name, fields[name], own)
        for name in ("cam0", "cam1")
        if name in fields
    }


def _middlebury_camera(path: Path, name: str, value: str, size: tuple[int, int]) -> RawCamera:
    return RawCamera(size, numbers(path, name, value, (3, 3)))


def kitti_cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return the cameras 0 to 3: raw ones for images of the size S that the file gives to raw ones."""
    path, fields = text.path, text.fields(":")
    style = _kitti_style(fields)
    sides = [side for side in range(4) if style.format(side) in fields]
    return {str(side): partial(_kitti_camera, path, fields, side, size) for side in sides}


def read_kitti(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Read KITTI's calib_cam_to_cam.txt, or its calib.txt of P0 to P3; metres.

    The colour cameras 2 and 3 are taken where the file has them, otherwise the grey ones, 0 and 1. Images of
    the size S that the file gives to raw ones are raw.

    Raises:
        FileFormatError: a matrix is missing or has another number of values.
    """
    text = only(texts)
    path, fields = text.path, text.fields(":")
    style = _kitti_style(fields)
    left, right = (2, 3) if style.format(3) in fields else (0, 1)
    missing = [style.format(side) for side in (left, right) if style.format(side) not in fields]
    if missing:
        raise FileFormatError(f"{path} has no {missing[0]}; expected the projections of two cameras of KITTI")

    made = [_kitti_camera(path, fields, side, size) for side in (left, right)]
    colours = "the colour cameras" if left else "the grey cameras"
    return StereoFile(made[0], made[1], note=f"{colours} of KITTI, {left} and {right}")


def _kitti_style(fields: Mapping[str, str]) -> str:
    return "P_rect_0{}" if any(name.startswith("P_rect_0") for name in fields) else "P{}"


def _kitti_camera(path: Path, fields: Mapping[str, str], side: int, size: tuple[int, int]) -> Calibration:
    def matrix(name: str, shape: tuple[int, ...]) -> Matrix:
        return numbers(path, name, fields[name], shape)

    p = matrix(_kitti_style(fields).format(side), (3, 4))
    own, rectified = size, size
    if f"S_0{side}" in fields and f"S_rect_0{side}" in fields:
        own, rectified = (image_size(path, name, fields[name]) for name in (f"S_0{side}", f"S_rect_0{side}"))
    if size == own != rectified:
        raw = RawCamera(own, matrix(f"K_0{side}", (3, 3)), "plumb_bob", matrix(f"D_0{side}", (-1,)))
        return raw.calibration(matrix(f"R_rect_0{side}", (3, 3)), p)
    return RawCamera(rectified, p[:, :3]).calibration(projection=p)
