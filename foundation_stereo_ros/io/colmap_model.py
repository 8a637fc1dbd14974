# SPDX-License-Identifier: Apache-2.0
"""Cameras, poses and points as a COLMAP model, in text and in binary form."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import quaternion_of
from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.shapes import Matrix, Points

_PINHOLE = 1  # COLMAP's number of the model


class ModelImage(NamedTuple):
    """One picture of a model.

    Attributes:
        name: of its file; COLMAP's own reader of text ends it at a space.
        camera: of the picture as it is in the file.
        pose: 4 x 4, camera to world.
        pixels: N x 2, column and row where it shows points, centres of pixels being whole numbers.
        points: N x 3, these points in the world; no other picture lists them.
        colors: N x 3, red, green, blue.
    """

    name: str
    camera: Camera
    pose: Matrix
    pixels: npt.NDArray[np.float64]
    points: Points
    colors: npt.NDArray[np.uint8]

    def row(self) -> tuple[float, ...]:
        """Return the rotation as w, x, y, z and the translation, from world to camera."""
        inverse: Matrix = np.linalg.inv(self.pose).astype(np.float64)
        x, y, z, w = quaternion_of(inverse)
        return (w, x, y, z, *inverse[:3, 3].tolist())

    def lens(self) -> tuple[float, float, float, float]:
        """Return fx, fy, cx, cy as COLMAP has them: the first pixel's corner is 0."""
        return self.camera.fx, self.camera.fy, self.camera.cx + 0.5, self.camera.cy + 0.5


def write_colmap(folder: Path, images: Sequence[ModelImage]) -> list[Path]:
    """Write cameras, images and points3D, each as .txt and as .bin.

    Returns:
        The files written.

    Raises:
        FileFormatError: a file cannot be written.
    """
    starts = np.cumsum([1, *(len(image.points) for image in images)]).tolist()
    files = {
        "cameras.txt": _cameras_text(images),
        "images.txt": _images_text(images, starts),
        "points3D.txt": _points_text(images, starts),
        "cameras.bin": _cameras_binary(images),
        "images.bin": _images_binary(images, starts),
        "points3D.bin": _points_binary(images, starts),
    }
    for name, content in files.items():
        with atomic_write(folder / name) as stream:
            stream.write(content)
    return [folder / name for name in files]


def _cameras_text(images: Sequence[ModelImage]) -> bytes:
    lines = ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    for number, image in enumerate(images, start=1):
        size = f"{image.camera.width} {image.camera.height}"
        lines.append(f"{number} PINHOLE {size} {_numbers(image.lens())}")
    return _text(lines)


def _images_text(images: Sequence[ModelImage], starts: Sequence[int]) -> bytes:
    lines = [
        "# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME",
        "# POINTS2D[] as (X, Y, POINT3D_ID)",
    ]
    for number, (image, start) in enumerate(zip(images, starts, strict=False), start=1):
        lines.append(f"{number} {_numbers(image.row())} {number} {image.name}")
        ends = (f"{u + 0.5:.2f} {v + 0.5:.2f} {start + k}" for k, (u, v) in enumerate(image.pixels.tolist()))
        lines.append(" ".join(ends))
    return _text(lines)


def _points_text(images: Sequence[ModelImage], starts: Sequence[int]) -> bytes:
    lines = ["# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    for number, (image, start) in enumerate(zip(images, starts, strict=False), start=1):
        rows = zip(image.points.tolist(), image.colors.tolist(), strict=True)
        lines += [
            f"{start + k} {x:.6g} {y:.6g} {z:.6g} {r} {g} {b} 0 {number} {k}"
            for k, ((x, y, z), (r, g, b)) in enumerate(rows)
        ]
    return _text(lines)


def _cameras_binary(images: Sequence[ModelImage]) -> bytes:
    rows = [
        struct.pack("<iiQQ4d", number, _PINHOLE, image.camera.width, image.camera.height, *image.lens())
        for number, image in enumerate(images, start=1)
    ]
    return struct.pack("<Q", len(rows)) + b"".join(rows)


def _images_binary(images: Sequence[ModelImage], starts: Sequence[int]) -> bytes:
    content = [struct.pack("<Q", len(images))]
    for number, (image, start) in enumerate(zip(images, starts, strict=False), start=1):
        content.append(struct.pack("<i7di", number, *image.row(), number))
        content.append(image.name.encode("utf-8") + b"\0" + struct.pack("<Q", len(image.pixels)))
        ends = np.empty(len(image.pixels), np.dtype([("xy", "<f8", 2), ("point", "<i8")]))
        ends["xy"], ends["point"] = image.pixels + 0.5, start + np.arange(len(ends))
        content.append(ends.tobytes())
    return b"".join(content)


def _points_binary(images: Sequence[ModelImage], starts: Sequence[int]) -> bytes:
    content = [struct.pack("<Q", sum(len(image.points) for image in images))]
    row = np.dtype(
        [
            ("id", "<u8"),
            ("xyz", "<f8", 3),
            ("rgb", "u1", 3),
            ("error", "<f8"),
            ("ends", "<u8"),
            ("image", "<i4"),
            ("place", "<i4"),
        ]
    )
    for number, (image, start) in enumerate(zip(images, starts, strict=False), start=1):
        rows = np.zeros(len(image.points), row)
        rows["place"] = np.arange(len(rows))
        rows["id"] = start + rows["place"]
        rows["xyz"], rows["rgb"] = image.points, image.colors
        rows["ends"], rows["image"] = 1, number
        content.append(rows.tobytes())
    return b"".join(content)


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.10g}" for value in values)


def _text(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8")
