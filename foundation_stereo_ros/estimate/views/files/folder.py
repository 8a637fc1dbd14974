# SPDX-License-Identifier: Apache-2.0
"""Pictures of a folder, upright, and their masks from a second folder or from their alpha channels."""

from __future__ import annotations

import re
import reprlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.datasets.posed_texts import floats, posed, read_rows
from foundation_stereo_ros.datasets.tree import IMAGES, with_ending
from foundation_stereo_ros.errors import FileFormatError, ImageError, counted
from foundation_stereo_ros.estimate.views.scene import View
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.io.exif import Exif, read_exif, upright
from foundation_stereo_ros.io.files import read_bytes
from foundation_stereo_ros.io.pictures import read_pixels, rgb_of
from foundation_stereo_ros.shapes import Mask

_UNREADABLE = (".heic", ".heif", ".avif")
_MASK_NAMES = ("{stem}", "{name}", "{stem}_mask", "{stem}-mask", "{stem}.mask", "mask_{stem}", "{stem}_matte")
_DIGITS = re.compile(r"(\d+)")

CameraOf = Callable[[View, Exif], View]
"""Adds a camera to a view, and may take the picture's distortion off."""


def picture_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder, in the order of their names, 9 before 10.

    Raises:
        FileFormatError: there are none, two differ in their ending alone, or one is of an unknown kind.
    """
    if not folder.is_dir():
        raise FileFormatError(f"{folder} is no folder; expected one with pictures")
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    for path in sorted(files):
        if path.suffix.lower() in _UNREADABLE:
            raise FileFormatError(
                f"{path} is of a kind that is not read; expected PNG or JPEG (heif-convert {path.name} "
                f"{path.stem}.jpg makes one)"
            )
    found = sorted((path for path in files if path.suffix.lower() in IMAGES), key=_natural)
    if not found:
        raise FileFormatError(f"{folder} holds no pictures; expected some ({', '.join(IMAGES[:3])} ...)")
    stem, count = Counter(path.stem for path in found).most_common(1)[0]
    if count > 1:
        raise FileFormatError(f"{folder} has {count} pictures called {stem!r}; expected names that differ")
    return found


def read_views(
    files: list[Path], masks: Path | None = None, alpha: bool = True, camera_of: CameraOf | None = None
) -> list[View]:
    """Read pictures; views are called by the names of their files.

    Args:
        files: pictures.
        masks: folder with a mask for each: the same name or stem, or with ``_mask``; white takes part.
        alpha: where there is no such folder, what a picture's alpha channel hides takes no part.
        camera_of: completes each view.

    Raises:
        FileFormatError: a file cannot be read, or a mask is missing.
        ImageError: a mask does not have its picture's size.
    """
    views = []
    for path in files:
        view, notes = _read_view(path, masks, alpha)
        views.append(camera_of(view, notes) if camera_of else view)
    return views


def focal_from_exif(view: View, notes: Exif) -> View:
    """Add the camera that a picture's own notes tell of, in the middle of the picture.

    Raises:
        ImageError: there is no focal length in them.
    """
    height, width = view.image.shape[:2]
    focal = notes.focal_pixels(width, height)
    if not focal:
        raise ImageError(f"{view.name} notes no focal length (EXIF, 35 mm equivalent); expected one")
    camera = Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)
    return replace(view, camera=camera)


def with_poses(views: Sequence[View], file: Path) -> list[View]:
    """Add the poses that a text file has: a picture's name or number, x y z, and qx qy qz qw a line.

    Args:
        views: numbered from 0.
        file: poses from camera to world, the camera looking along +z with y down.

    Raises:
        FileFormatError: a line is none of these, or is of no view.
    """
    numbers = {view.name: number for number, view in enumerate(views)}
    numbers |= {Path(view.name).stem: number for number, view in enumerate(views)}
    found = list(views)
    for name, *words in read_rows(file):
        number = numbers.get(name, int(name) if name.isdecimal() else -1)
        if not 0 <= number < len(views) or len(words) != 7:
            raise FileFormatError(
                f"{file} has the line {reprlib.repr(' '.join((name, *words)))}; expected the name or number "
                f"of one of {counted(len(views), 'picture')}, x y z and qx qy qz qw"
            )
        values = floats(file, words)
        found[number] = replace(found[number], pose=posed(file, values[:3], values[3:]))
    return found


def _read_view(path: Path, masks: Path | None, alpha: bool) -> tuple[View, Exif]:
    pixels, notes = read_pixels(path), read_exif(read_bytes(path))
    mask = None
    if masks is not None:
        mask = _mask_file(masks, path, pixels.shape[:2], notes)
    elif alpha and (opaque := _opaque(pixels)) is not None:
        mask = upright(opaque, notes.orientation)
    return View(path.name, upright(rgb_of(pixels), notes.orientation), mask), notes


def _mask_file(folder: Path, path: Path, size: tuple[int, ...], notes: Exif) -> Mask:
    names = [name.format(stem=path.stem, name=path.name) for name in _MASK_NAMES]
    found = next((file for name in names if (file := with_ending(folder / name, IMAGES))), None)
    if found is None:
        there = counted(sum(1 for _ in folder.iterdir()), "file") if folder.is_dir() else "no folder"
        raise FileFormatError(
            f"{folder} ({there}) has no mask for {path.name}; expected {path.stem}.png or "
            f"{path.stem}_mask.png"
        )
    pixels = read_pixels(found)
    opaque = _opaque(pixels)
    mask = _white(pixels) if opaque is None else opaque
    seen = upright(np.empty((*size, 0)), notes.orientation).shape[:2]
    if mask.shape == seen:
        return mask
    if mask.shape != size:  # programs that ignore which way up the camera was write masks as stored
        (height, width), (rows, columns) = mask.shape, seen
        raise ImageError(
            f"the mask {found} is {width} x {height} pixels; expected {columns} x {rows}, as {path.name}"
        )
    return upright(mask, notes.orientation)


def _opaque(pixels: npt.NDArray[Any]) -> Mask | None:
    """Where a picture can be seen; None: it has no alpha channel, or it is the same everywhere."""
    if pixels.ndim != 3 or pixels.shape[2] not in (2, 4):
        return None
    channel = pixels[..., -1]
    return None if channel.min() == channel.max() else np.asarray(channel > np.iinfo(channel.dtype).max // 2)


def _white(pixels: npt.NDArray[Any]) -> Mask:
    """Some programs write 0 and 255, some 0 and 1."""
    values = pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2)
    most = int(values.max())
    return np.asarray(values > (0 if most <= 1 else np.iinfo(values.dtype).max // 2))


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(path.name)]
