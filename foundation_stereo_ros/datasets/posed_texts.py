# SPDX-License-Identifier: Apache-2.0
"""Numbers and poses in text files, a row a line; commas count as spaces, and ``#`` begins a comment."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from pathlib import Path

from foundation_stereo_ros.errors import FileFormatError, PoseError
from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.io.files import read_text
from foundation_stereo_ros.shapes import Matrix

_LONGEST = 255  # bytes of a file's name, on all usual file systems


def read_rows(file: Path) -> list[list[str]]:
    """Return the words of each line.

    Raises:
        FileFormatError: the file cannot be read, or is no text.
    """
    lines = (line.replace(",", " ").split() for line in read_text(file).splitlines())
    return [words for words in lines if words and not words[0].startswith("#")]


def read_numbers(file: Path) -> list[float]:
    """Return all numbers of a file.

    Raises:
        FileFormatError: the file cannot be read, or a word in it is no number.
    """
    return [value for row in read_rows(file) for value in floats(file, row)]


def floats(file: Path, words: Sequence[str]) -> list[float]:
    """Return words of a file as numbers.

    Raises:
        FileFormatError: one is none; names the file.
    """
    return [_float(file, word) for word in words]


def posed(file: Path, translation: Sequence[float], quaternion: Sequence[float]) -> Matrix:
    """Return the pose that a file has as x, y, z and a quaternion x, y, z, w.

    Raises:
        FileFormatError: it is none; names the file.
    """
    try:
        return pose_from_quaternion(translation, quaternion)
    except PoseError as error:
        raise FileFormatError(f"{file}: {error}") from None


def listed_below(file: Path, name: str, folder: Path) -> Path:
    """Return the file of a folder that a list names.

    Raises:
        FileFormatError: it would be elsewhere.
    """
    parts = Path(name).parts
    if Path(name).is_absolute() or ".." in parts or any(len(part.encode()) > _LONGEST for part in parts):
        raise FileFormatError(f"{file} names {reprlib.repr(name)}; expected a file below {folder}")
    return folder / name


def _float(file: Path, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise FileFormatError(f"{file} has {reprlib.repr(word)}; expected a number") from None
