# SPDX-License-Identifier: Apache-2.0
"""Finding files that belong together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from foundation_stereo_ros.datasets.dataset import StereoItem
from foundation_stereo_ros.errors import FileFormatError

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".bmp")
"""Endings of image files."""


def folders_with(root: Path, wanted: Callable[[Path], bool]) -> Iterator[Path]:
    """Walk down from a folder, itself included, in the order of names; nothing below a wanted one."""
    for place, names, _ in os.walk(root, followlinks=True):
        names.sort()
        if wanted(Path(place)):
            yield Path(place)
            names.clear()


def files_below(folder: Path, endings: Sequence[str]) -> Iterator[Path]:
    """Walk down from a folder and yield the files of these endings, in the order of names; no hidden ones."""
    for place, names, files in os.walk(folder, followlinks=True):
        names.sort()
        for name in sorted(files):
            if name.lower().endswith(tuple(endings)) and not name.startswith("."):
                yield Path(place) / name


def with_ending(path: Path, endings: Sequence[str]) -> Path | None:
    """Return the file of this path without ending plus the first of the endings that is there."""
    candidates = (path.with_name(path.name + ending) for ending in endings)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def image_at(path: Path, usual: str = ".png") -> Path:
    """Return the image of this path without ending; where there is none, the path that it usually has."""
    return with_ending(path, IMAGES) or path.with_name(path.name + usual)


def relative_name(path: Path, root: Path) -> str:
    """Return the path from a folder on, with slashes; the folder's own name where they are the same."""
    return path.relative_to(root).as_posix() if path != root else root.resolve().name


def at_least_one(items: Iterator[StereoItem], root: Path, expected: str) -> Iterator[StereoItem]:
    """Look for the first pair now, and leave the rest for later.

    Raises:
        FileFormatError: there is none.
    """
    first = next(items, None)
    if first is None:
        raise FileFormatError(f"{root} holds no pair with ground truth; expected {expected}")
    return chain((first,), items)
