# SPDX-License-Identifier: Apache-2.0
"""The cameras' numbers in the text files of Middlebury, ETH3D and KITTI."""

from __future__ import annotations

import math
from pathlib import Path

from foundation_stereo_ros.datasets.dataset import StereoNumbers
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.files import read_text


def read_calib_txt(path: Path) -> StereoNumbers:
    """Read Middlebury's calib.txt, which ETH3D uses as well: ``name=value`` lines, baseline in millimetres.

    Raises:
        FileFormatError: it cannot be read, or a number in it is none.
    """
    fields = _fields(path, "=")
    matrix = fields.get("cam0", "").strip("[] ").replace(";", " ").split()
    baseline = _number(path, fields, "baseline")
    disparities = _number(path, fields, "ndisp")
    return StereoNumbers(
        fx=_number(path, {"cam0": matrix[0]}, "cam0") if matrix else None,
        baseline=None if baseline is None else baseline / 1000,
        doffs=-(_number(path, fields, "doffs") or 0.0),  # theirs is cx_right - cx_left
        disparities=None if disparities is None else int(disparities),
    )


def read_kitti_calibration(path: Path, left: str, right: str) -> StereoNumbers:
    """Read a pair's numbers from KITTI's text files of projection matrices, 12 numbers row by row.

    Args:
        path: ``calib/000000.txt`` (2012) or ``calib_cam_to_cam/000000.txt`` (2015).
        left, right: names of the matrices, as "P2" or "P_rect_02".

    Raises:
        FileFormatError: it cannot be read, or a matrix is missing or incomplete.
    """
    fields = _fields(path, ":")
    matrices = []
    for name in (left, right):
        words = fields.get(name, "").split()
        if len(words) != 12:
            raise FileFormatError(f"{path} has {len(words)} numbers for {name}; expected 12")
        matrices.append([_number(path, {name: word}, name) or 0.0 for word in words])
    (fx, _, cx, shift, *_), (_, _, cx_right, shift_right, *_) = matrices
    if not fx > 0:
        raise FileFormatError(f"{path} has the focal length {fx:g} in {left}; expected a positive one")
    return StereoNumbers(fx=fx, baseline=(shift - shift_right) / fx, doffs=cx - cx_right)


def _fields(path: Path, separator: str) -> dict[str, str]:
    pairs = (line.partition(separator) for line in read_text(path).splitlines() if separator in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _number(path: Path, fields: dict[str, str], name: str) -> float | None:
    if name not in fields:
        return None
    try:
        value = float(fields[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FileFormatError(f"{path} has {fields[name]!r} for {name}; expected a number")
    return value
