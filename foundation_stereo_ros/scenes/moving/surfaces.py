# SPDX-License-Identifier: Apache-2.0
"""Flat textured surfaces in space, and what a camera sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.shapes import DepthMap, Matrix

Picture = npt.NDArray[Any]
"""Of bytes; OpenCV's functions do not say so."""

NEAREST = 0.05
"""Metres: nothing nearer is seen."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A picture in space.

    Attributes:
        corner: 3, metres: where its upper left texel is.
        right: 3, metres: from one texel to the next in a row.
        down: 3, metres: from one row to the next; perpendicular to ``right``.
        pictures: H x W x 3, and at 1/2, 1/4 ... of that.
        masks: H x W, 255 where there is something, at the same sizes; None: everywhere.
    """

    corner: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]
    down: npt.NDArray[np.float64]
    pictures: Sequence[Picture]
    masks: Sequence[Picture] | None = None

    @classmethod
    def of(
        cls,
        corner: npt.ArrayLike,
        right: npt.ArrayLike,
        down: npt.ArrayLike,
        picture: Picture,
        mask: Picture | None = None,
    ) -> Surface:
        """Put a picture between three corners.

        Args:
            corner: 3, metres: its upper left corner.
            right, down: 3, metres: from there to the upper right and to the lower left corner; perpendicular.
            picture: H x W x 3 bytes.
            mask: H x W, 255 where there is something; None: everywhere.
        """
        height, width = picture.shape[:2]
        u, v = np.asarray(right, np.float64) / width, np.asarray(down, np.float64) / height
        masks = None if mask is None else _sizes(mask)
        return cls(np.asarray(corner, np.float64) + (u + v) / 2, u, v, _sizes(picture), masks)


def _sizes(picture: Picture) -> list[Picture]:
    found = [picture]
    while min(found[-1].shape[:2]) >= 16:
        found.append(cv2.resize(found[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return found


def see(surfaces: Sequence[Surface], camera: Camera, pose: Matrix) -> tuple[Picture, DepthMap]:
    """Return what a camera sees.

    Args:
        surfaces: in any order.
        camera: its grid.
        pose: 4 x 4, from its optical frame to the surfaces'.

    Returns:
        The image, H x W x 3 bytes, and the depth along the optical axis, metres; 0 where there is nothing.
    """
    image = np.zeros((camera.height, camera.width, 3), np.uint8)
    nearness = np.zeros((camera.height, camera.width), np.float32)
    k = camera.matrix
    turn, place = pose[:3, :3].T, pose[:3, 3]
    for surface in surfaces:
        frame = np.stack([turn @ surface.right, turn @ surface.down, turn @ (surface.corner - place)], axis=1)
        if abs(np.linalg.det(frame)) < 1e-12:
            continue  # seen from the side
        _paint(image, nearness, surface, k @ frame)
    depth = np.divide(1, nearness, out=np.zeros_like(nearness), where=nearness > 0)
    return image, depth


def _paint(image: Picture, nearness: DepthMap, surface: Surface, project: Matrix) -> None:
    """Paint a surface where it is nearer than what is there.

    ``project`` takes (column, row, 1) of the picture to (x z, y z, z) of the image, so its inverse gives, of
    (x, y, 1), column / z, row / z and 1 / z.
    """
    box = _box(surface, project, image.shape)
    if box is None:
        return
    x0, y0, x1, y1 = box
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    inverse = np.linalg.inv(project).astype(np.float32)
    column, row, near = (a * x + b * y + c for a, b, c in inverse)
    before = (near > nearness[y0:y1, x0:x1]) & (near < 1 / NEAREST)
    if not before.any():
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        column, row = column / near, row / near
    height, width = surface.pictures[0].shape[:2]
    before &= (column > -0.5) & (column < width - 0.5) & (row > -0.5) & (row < height - 0.5)
    if not before.any():
        return
    # As many texels as pixels: of the part that is seen, by its median.
    finest = np.hypot(*np.gradient(column)) if min(before.shape) > 1 else np.ones_like(column)
    level = int(
        np.clip(np.round(np.log2(max(float(np.median(finest[before])), 1e-3))), 0, len(surface.pictures) - 1)
    )
    small = surface.pictures[level]
    fx, fy = small.shape[1] / width, small.shape[0] / height
    column = np.where(before, (column + 0.5) * fx - 0.5, 0).astype(np.float32)
    row = np.where(before, (row + 0.5) * fy - 0.5, 0).astype(np.float32)
    if surface.masks is not None:
        there = cv2.remap(surface.masks[level], column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        before &= there > 127
    colours = cv2.remap(small, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    image[y0:y1, x0:x1][before] = colours[before]
    nearness[y0:y1, x0:x1][before] = near[before]


def _box(surface: Surface, project: Matrix, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return the part of the image, x0, y0, x1, y1, that the surface may cover; None: none."""
    rows, columns = surface.pictures[0].shape[:2]
    corners = np.array([[c, r, 1.0] for c in (-0.5, columns - 0.5) for r in (-0.5, rows - 0.5)]).T
    x, y, z = project @ corners
    if (z <= NEAREST).all():
        return None
    if (z <= NEAREST).any():
        return 0, 0, shape[1], shape[0]
    x, y = x / z, y / z
    x0, x1 = max(0, int(np.floor(x.min()))), min(shape[1], int(np.ceil(x.max())) + 1)
    y0, y1 = max(0, int(np.floor(y.min()))), min(shape[0], int(np.ceil(y.max())) + 1)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None
