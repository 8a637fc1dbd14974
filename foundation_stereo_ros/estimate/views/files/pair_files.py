# SPDX-License-Identifier: Apache-2.0
"""Matches and depth of two views on disk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.views.files.picture import draw_matches
from foundation_stereo_ros.estimate.views.matching import Matches
from foundation_stereo_ros.estimate.views.two_views import PairOfViews
from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.io.pictures import write_depth_png, write_png

_BORDER = 3  # pixels at the border of an image where descriptors see too little


def off_border(pair: PairOfViews, matches: Matches) -> Matches:
    """Return the matches that are not at the border of either view."""
    good = np.ones(len(matches), bool)
    for pixels, grid in ((matches.first, pair.grids[0]), (matches.second, pair.grids[1])):
        size = np.array((grid.width, grid.height))
        good &= ((pixels >= _BORDER) & (pixels < size - _BORDER)).all(axis=1)
    return matches[good]


def pair_files(kinds: str) -> list[str]:
    """Return the names of the files of some kinds, as "csv,npz,png".

    Raises:
        ConfigError: an unknown kind.
    """
    names: list[str] = []
    for kind in (word.strip().lower() for word in kinds.split(",") if word.strip()):
        if kind not in _KINDS:
            raise ConfigError(f"unknown export {kind!r}; expected some of {','.join(_KINDS)}")
        names += _KINDS[kind]
    return names


def write_pair(folder: Path, pair: PairOfViews, matches: Matches, names: Collection[str]) -> list[Path]:
    """Write files about two views.

    Args:
        folder: made if missing; files of the same names are replaced.
        pair: its predictions.
        matches: on the network's grids. In files, pixels are those of the pictures that were given.
        names: of `pair_files`.

    Returns:
        The files written.

    Raises:
        FileFormatError: a file cannot be written.
    """
    for name in names:
        _WRITERS[name](folder / name, pair, matches)
    return [folder / name for name in names]


def _csv(path: Path, pair: PairOfViews, matches: Matches) -> None:
    first, second = _in_pictures(pair, matches)
    rows = np.column_stack((first, second, matches.confidence))
    with atomic_write(path) as stream:
        head = "column_a,row_a,column_b,row_b,confidence"
        np.savetxt(stream, rows, ("%.2f", "%.2f", "%.2f", "%.2f", "%.6g"), ",", header=head, comments="")


def _npz(path: Path, pair: PairOfViews, matches: Matches) -> None:
    first, second = _in_pictures(pair, matches)
    ends = {"pixels_a": first, "pixels_b": second, "grid_a": matches.first, "grid_b": matches.second}
    with atomic_write(path) as stream:
        np.savez(stream, allow_pickle=False, **ends, confidence=matches.confidence)


def _predictions(path: Path, pair: PairOfViews, matches: Matches) -> None:
    with atomic_write(path) as stream:
        np.savez(stream, allow_pickle=False, **pair.arrays())


def _lines(path: Path, pair: PairOfViews, matches: Matches) -> None:
    write_png(path, draw_matches(*pair.images, matches))


def _depth(which: int) -> Callable[[Path, PairOfViews, Matches], None]:
    def write(path: Path, pair: PairOfViews, matches: Matches) -> None:
        view = (pair.prediction.view11, pair.prediction.view22)[which]
        write_depth_png(path, view.points[0, ..., 2].float().cpu().numpy())

    return write


def _in_pictures(
    pair: PairOfViews, matches: Matches
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    ends = zip(pair.grids, (matches.first, matches.second), strict=True)
    return [grid.to_source(pixels.astype(np.float64)) for grid, pixels in ends]


_WRITERS: Mapping[str, Callable[[Path, PairOfViews, Matches], None]] = {
    "matches.csv": _csv,
    "matches.npz": _npz,
    "predictions.npz": _predictions,
    "matches.png": _lines,
    "depth_a.png": _depth(0),
    "depth_b.png": _depth(1),
}
_KINDS = {
    "csv": ("matches.csv",),
    "npz": ("matches.npz", "predictions.npz"),
    "png": ("matches.png", "depth_a.png", "depth_b.png"),
}
