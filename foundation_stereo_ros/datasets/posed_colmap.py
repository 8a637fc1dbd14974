# SPDX-License-Identifier: Apache-2.0
"""A folder with images and a COLMAP model in text form: cameras.txt and images.txt (world to camera)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foundation_stereo_ros.datasets.posed_texts import floats, listed_below, posed, read_rows
from foundation_stereo_ros.datasets.posed_video import Intrinsics, PosedFrame, PosedVideo
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.files import read_text
from foundation_stereo_ros.shapes import Matrix


def is_colmap(root: Path) -> bool:
    """Tell whether a folder holds such a model."""
    model = _model(root)
    return (model / "cameras.txt").is_file() and (model / "images.txt").is_file()


def open_colmap(root: Path) -> PosedVideo:
    """Find the frames of a model in text form.

    Raises:
        FileFormatError: a line is damaged, or there are several cameras, or one that is no pinhole camera.
    """
    model = _model(root)
    cameras = {}
    for row in read_rows(model / "cameras.txt"):
        if len(row) < 5:
            raise FileFormatError(
                f"{model / 'cameras.txt'} has the line {' '.join(row)!r}; expected a camera"
            )
        kind, values = row[1], floats(model / "cameras.txt", row[4:])
        cameras[row[0]] = (kind, _intrinsics(model, kind, values))
    lines = [line for line in read_text(model / "images.txt").splitlines() if not line.startswith("#")]
    frames, used = [], set()
    for line in lines[::2]:  # every other line lists the image's points
        row = line.split(maxsplit=9)
        if not row:
            continue
        if len(row) != 10:
            raise FileFormatError(f"{model / 'images.txt'} has the line {line[:80]!r}; expected an image")
        w, x, y, z, *translation = floats(model / "images.txt", row[1:8])
        name = row[9]
        path = listed_below(model / "images.txt", name, root / "images")
        pose: Matrix = np.linalg.inv(posed(model / "images.txt", translation, (x, y, z, w))).astype(
            np.float64
        )
        frames.append(PosedFrame(Path(name).with_suffix("").as_posix(), path, pose))
        used.add(row[8])
    if len(used) != 1 or (camera := used.pop()) not in cameras:
        raise FileFormatError(f"{model} has images of {len(used) or 'unknown'} cameras; expected one camera")
    kind, intrinsics = cameras[camera]
    note = "" if "PINHOLE" in kind else f"the distortion of the COLMAP model {kind} is not taken off"
    return PosedVideo("COLMAP", sorted(frames, key=lambda frame: frame.name), intrinsics, note=note)


def _intrinsics(model: Path, kind: str, values: Sequence[float]) -> Intrinsics:
    if kind in ("PINHOLE", "OPENCV", "FULL_OPENCV") and len(values) >= 4:
        fx, fy, cx, cy = values[:4]
    elif kind in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL") and len(values) >= 3:
        fx, cx, cy = values[:3]
        fy = fx
    else:
        raise FileFormatError(f"{model / 'cameras.txt'} has a camera {kind}; expected a pinhole camera")
    return fx, fy, cx - 0.5, cy - 0.5  # COLMAP's pixel 0 begins at 0; ours has its centre there


def _model(root: Path) -> Path:
    places = (root / "sparse" / "0", root / "sparse", root)
    return next((place for place in places if (place / "images.txt").is_file()), root)
