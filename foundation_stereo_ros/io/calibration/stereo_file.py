# SPDX-License-Identifier: Apache-2.0
"""What every reader of a calibration gets and returns, and the numbers in it."""

from __future__ import annotations

import codecs
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.extrinsics import RawCamera, rectified_pair
from foundation_stereo_ros.io.documents import parse_json, parse_yaml
from foundation_stereo_ros.io.files import read_bytes
from foundation_stereo_ros.shapes import Matrix

Cameras = Mapping[str, Callable[[], RawCamera | Calibration]]
"""Name of each camera in a file -> what reads it, and raises a FileFormatError where that is not possible."""

_LARGEST = 1 << 20
_WIDEST = 1 << 20
_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True, eq=False)
class StereoFile:
    """What the calibration files of a pair say.

    Attributes:
        left: in pixels of the full images and metres.
        right: the same of the right camera.
        computed: whether P is not the files' but ours: only images fit that are rectified with it.
        shared: whether one camera's numbers stand for both.
        note: what had to be chosen or assumed, a sentence; empty: nothing.
    """

    left: Calibration
    right: Calibration
    computed: bool = False
    shared: bool = False
    note: str = ""

    @classmethod
    def of_raw(cls, cameras: Sequence[RawCamera], rotation: Matrix, translation: Matrix) -> StereoFile:
        """Return what two raw cameras make, see `rectified_pair`.

        Raises:
            CalibrationError: as `rectified_pair`.
        """
        left, right = cameras
        return cls(*rectified_pair(left, right, rotation, translation))

    @classmethod
    def of_rectified(cls, cameras: Sequence[RawCamera], baseline: float = 0.0, note: str = "") -> StereoFile:
        """Return two rectified cameras, or one for both, that are ``baseline`` metres apart; 0: unknown."""
        left, right = cameras[0].calibration(), cameras[-1].calibration()
        right.p[0, 3] = -right.p[0, 0] * baseline
        return cls(left, right, shared=len(cameras) == 1, note=note)


class CalibrationText:
    """A calibration file as text, without byte order mark and with Unix line ends.

    Args:
        path: the file, of up to 1 MiB; UTF-8, or UTF-16 as PowerShell writes it.

    Raises:
        FileFormatError: it cannot be read, is no text, or is larger than a calibration.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        data = read_bytes(path)
        if len(data) > _LARGEST:
            raise FileFormatError(
                f"{path} has {len(data)} bytes; expected a calibration, of at most {_LARGEST}"
            )
        encoding = next((name for mark, name in _ENCODINGS.items() if data.startswith(mark)), "utf-8")
        try:
            self.text = data.decode(encoding).replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise FileFormatError(f"{path} is not a text file") from None

    @cached_property
    def lines(self) -> list[str]:
        """Its lines without what follows a ``#``, ``//`` or ``%``, and without empty ones."""
        lines = (re.split(r"#|//|%", line)[0].strip() for line in self.text.splitlines())
        return [line for line in lines if line]

    @cached_property
    def json(self) -> Mapping[str, Any]:
        """The names and values of a JSON file.

        Raises:
            FileFormatError: it is none.
        """
        values = parse_json(self.text, str(self.path))
        return values if isinstance(values, Mapping) else {}

    @cached_property
    def yaml(self) -> Mapping[str, Any]:
        """The names and values of the first document of a YAML file; empty: it has no names.

        Raises:
            FileFormatError: it is not YAML.
        """
        # `ros2 topic echo` ends every message with `---`; the first one is taken.
        document = parse_yaml(self.text, str(self.path))
        return document if isinstance(document, Mapping) else {}

    def fields(self, separator: str) -> dict[str, str]:
        """Return the lines ``name separator value``, by name."""
        parts = (line.partition(separator) for line in self.lines if separator in line)
        return {name.strip(): value.strip() for name, _, value in parts}


def only(texts: Sequence[CalibrationText]) -> CalibrationText:
    """Return the one file that has both cameras.

    Raises:
        FileFormatError: there are two.
    """
    if len(texts) > 1:
        raise FileFormatError(f"{texts[0].path} has both cameras; expected one file")
    return texts[0]


def numbers(path: Path, name: str, value: Any, shape: tuple[int, ...]) -> Matrix:
    """Return a value of a file as numbers.

    Args:
        path: the file.
        name: what it calls the value.
        value: numbers, lists of them, or a text with them in brackets, commas and semicolons or without.
        shape: expected; (-1,): any number of them.

    Raises:
        FileFormatError: it has something else, or another number of values.
    """
    found = words(value) if isinstance(value, str) else value
    try:
        array = np.asarray(found, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        raise FileFormatError(f"{path}: {name} is {reprlib.repr(value)}; expected numbers") from None
    count = abs(int(np.prod(shape)))
    if shape != (-1,) and array.size != count:
        raise FileFormatError(f"{path}: {name} has {array.size} values; expected {count}")
    return array.reshape(shape)


def number(path: Path, name: str, value: Any) -> float:
    """Return a value of a file as one number.

    Raises:
        FileFormatError: it is none.
    """
    return float(numbers(path, name, value, (1,))[0])


def pixels(path: Path, name: str, value: Any) -> int:
    """Return a width or a height.

    Raises:
        FileFormatError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise FileFormatError(
            f"{path}: {name} is {reprlib.repr(value)}; expected a positive number of pixels"
        )
    return value


def image_size(path: Path, name: str, value: Any) -> tuple[int, int]:
    """Return a width and a height that a file has as two numbers.

    Raises:
        FileFormatError: they are none.
    """
    sides = numbers(path, name, value, (2,))
    if not ((sides >= 1) & (sides <= _WIDEST)).all():
        raise FileFormatError(f"{path}: {name} is {sides.tolist()}; expected width and height in pixels")
    return int(sides[0]), int(sides[1])


def words(text: str) -> list[str]:
    """Return what stands between brackets, commas, semicolons and spaces."""
    return re.sub(r"[\[\](){},;]", " ", text).split()


def camera_matrix(fx: float, fy: float, cx: float, cy: float) -> Matrix:
    """Return K, (3, 3)."""
    return np.array(((fx, 0, cx), (0, fy, cy), (0, 0, 1)), np.float64)


def mappings(value: Any, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield all mappings in a value, with the names that lead to each joined by dots."""
    if isinstance(value, Mapping):
        yield name, value
        for key, part in value.items():
            yield from mappings(part, f"{name}.{key}" if name else str(key))
