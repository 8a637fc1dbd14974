# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/PointCloud2."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.pixels import byte_view
from foundation_stereo_ros.ros.messages.protocols import Header, PointCloud2
from foundation_stereo_ros.ros.messages.stamps import copy_header
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.shapes import Points, RgbImage

POINT_STEP = 16
"""Bytes a point: x, y, z and the colour, four bytes each without a gap."""

_FLOAT32 = 7
_OFFSETS = {"x": 0, "y": 4, "z": 8, "rgb": 12}


def encode_points(
    types: MessageTypes,
    header: Header,
    points: Points,
    rgb: RgbImage,
    organized: bool = True,
    stride: int = 1,
) -> Any:
    """Return a coloured cloud, little-endian: float32 x, y, z and the colour 0x00RRGGBB as a float32 ``rgb``.

    Args:
        types: classes to build.
        header: the left image's.
        points: H x W x 3, metres in the left optical frame; NaN where unknown.
        rgb: H x W x 3, colours of the points.
        organized: keep rows and columns, with NaN; otherwise one row of the finite points.
        stride: take every n-th row and column.

    Raises:
        ImageError: the arrays do not fit each other, or ``stride`` is not positive.
    """
    if points.ndim != 3 or points.shape[2] != 3 or rgb.shape != points.shape or rgb.dtype != np.uint8:
        raise ImageError(
            f"points are {points.dtype} {points.shape} and colours {rgb.dtype} {rgb.shape}; "
            "expected float32 and uint8, both (height, width, 3)"
        )
    if stride < 1:
        raise ImageError(f"cloud stride is {stride}; expected 1 or more")
    points, rgb = points[::stride, ::stride], rgb[::stride, ::stride]
    x, y, z = (np.ascontiguousarray(points[..., axis], np.float32) for axis in range(3))
    packed = cv2.merge((x, y, z, _packed_color(rgb)))
    if organized:
        dense = all(np.isfinite(values).all() for values in (z, x, y))
    else:
        dense = True
        finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(z)
        # Whole points of 16 bytes are picked: much faster than a mask over their parts.
        packed = packed.reshape(-1, 4).take(np.flatnonzero(finite), axis=0)[None]
    height, width = packed.shape[:2]
    return types.PointCloud2(
        header=copy_header(types, header),
        height=height,
        width=width,
        fields=[
            types.PointField(name=name, offset=offset, datatype=_FLOAT32, count=1)
            for name, offset in _OFFSETS.items()
        ],
        is_bigendian=False,
        point_step=POINT_STEP,
        row_step=POINT_STEP * width,
        data=types.buffer(packed.astype("<f4", copy=False).reshape(-1).view(np.uint8)),
        is_dense=bool(dense),
    )


def decode_points(message: PointCloud2) -> tuple[Points, RgbImage]:
    """Return the H x W x 3 points and H x W x 3 colours of a cloud in the layout of `encode_points`.

    Raises:
        ImageError: another layout, or too little data.
    """
    offsets = {field.name: field.offset for field in message.fields if field.datatype == _FLOAT32}
    if offsets != _OFFSETS or message.point_step != POINT_STEP or message.is_bigendian:
        raise ImageError(f"cloud has fields {offsets}; expected little-endian float32 {_OFFSETS}")
    shape = (message.height, message.width)
    data = byte_view(message.data)
    if message.row_step < POINT_STEP * shape[1] or data.size < message.row_step * shape[0]:
        raise ImageError(f"cloud of {shape} points has {data.size} bytes; expected {message.row_step} a row")
    rows = data[: message.row_step * shape[0]].reshape(shape[0], message.row_step)
    packed = rows[:, : POINT_STEP * shape[1]].reshape(*shape, POINT_STEP)
    points = np.ascontiguousarray(packed[..., :12]).view("<f4").astype(np.float32, copy=False)
    return points, np.ascontiguousarray(packed[..., 14:11:-1])


def _packed_color(rgb: RgbImage) -> npt.NDArray[np.float32]:
    """Return the H x W numbers 0x00RRGGBB as the float32 that have these bits."""
    if not rgb.size:
        return np.empty(rgb.shape[:2], np.float32)
    packed = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGRA).view("<u4")[..., 0]
    packed &= 0x00FFFFFF  # without the opacity that OpenCV puts there
    return np.asarray(packed.view("<f4"), np.float32)
