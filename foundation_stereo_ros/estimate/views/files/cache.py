# SPDX-License-Identifier: Apache-2.0
"""Predictions of pairs on disk, by what they were made from. Nothing in the files is executed.

A file that is damaged, or that another program put there, counts as absent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.estimate.views.alignment.problem import PointMap
from foundation_stereo_ros.estimate.views.matching import Matches
from foundation_stereo_ros.estimate.views.scene import PairPoints
from foundation_stereo_ros.io.files import atomic_write, check_input

_MAPS = PairPoints._fields
_ENDING = ".pair"
_HEADER = 4096  # bytes of a file beside its arrays, at most

Arrays = dict[str, npt.NDArray[Any]]


class PairResult(NamedTuple):
    """What is kept of a pair.

    Attributes:
        points: of both views in both frames.
        matches: of both views.
    """

    points: PairPoints
    matches: Matches


class PairCache:
    """A folder of results.

    Args:
        folder: made when something is written.
        limit: bytes that it may take.
    """

    def __init__(self, folder: Path, limit: float) -> None:
        self.folder, self.limit = folder, limit
        self._used: int | None = None

    def __contains__(self, key: str) -> bool:
        return self._path(key).is_file()

    def read(self, key: str, sizes: tuple[tuple[int, int], tuple[int, int]]) -> PairResult | None:
        """Return what is kept under a key; None where there is nothing, or nothing whole.

        Args:
            key: of `pair_key`.
            sizes: heights and widths of both views.
        """
        path = self._path(key)
        try:
            check_input(path, most=2 * entry_bytes(sizes) + _HEADER)
            with safe_open(path, "np") as content:
                arrays = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
                told = (content.metadata() or {}).get("sha256")
            if told != _digest(arrays):
                return None
            return _result(arrays, sizes)
        except (FileFormatError, OSError, SafetensorError, KeyError, ValueError, TypeError):
            return None

    def write(self, key: str, result: PairResult) -> None:
        """Keep a result.

        Raises:
            FileFormatError: the folder cannot be written to.
        """
        arrays: Arrays = {"first": result.matches.first, "second": result.matches.second}
        arrays["confidence"] = result.matches.confidence
        for name, found in zip(_MAPS, result.points, strict=True):
            if found is not None:
                arrays[f"{name}.points"], arrays[f"{name}.confidence"] = found
        arrays = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        content = save(arrays, {"sha256": _digest(arrays)})
        with atomic_write(self._path(key)) as stream:
            stream.write(content)

    def make_room(self, size: int, keep: Collection[str]) -> None:
        """Remove the oldest results, so that with one more all are within the limit.

        Args:
            size: bytes of the one that will be written.
            keep: keys whose results stay in any case.
        """
        if self._used is not None and self._used + size <= self.limit:
            self._used += size
            return
        found = []
        for path in self.folder.glob(f"*{_ENDING}"):
            with suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        self._used = size + sum(taken for _, taken, _ in found)
        for _, taken, path in sorted(found):
            if self._used <= self.limit:
                break
            if path.stem not in keep:
                with suppress(OSError):
                    path.unlink()
                    self._used -= taken

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_ENDING}"


def entry_bytes(sizes: tuple[tuple[int, int], tuple[int, int]]) -> int:
    """Return what the points of a pair take, by heights and widths of its views."""
    return sum(2 * 16 * height * width for height, width in sizes)


def pair_key(*made_from: object) -> str:
    """Return the name of what was made from some values and arrays."""
    digest = hashlib.sha256()
    for part in made_from:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode() + np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode() + b"\0")
    return digest.hexdigest()


def _digest(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    return pair_key(*(part for name in sorted(arrays) for part in (name, arrays[name])))


def _result(arrays: Arrays, sizes: tuple[tuple[int, int], tuple[int, int]]) -> PairResult:
    """Raises ValueError or KeyError where something is missing or of another size."""
    matches = Matches(*(arrays[name] for name in ("first", "second", "confidence")))
    if not matches.first.shape == matches.second.shape == (len(matches), 2):
        raise ValueError("matches")
    maps = []
    for name, size in zip(_MAPS, (sizes[0], sizes[1], sizes[0], sizes[1]), strict=True):
        points, confidence = arrays[f"{name}.points"], arrays[f"{name}.confidence"]
        if points.shape != (*size, 3) or confidence.shape != size:
            raise ValueError(name)
        maps.append(PointMap(points, confidence))
    return PairResult(PairPoints(*maps), matches)
