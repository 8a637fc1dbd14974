# SPDX-License-Identifier: Apache-2.0
"""Points and cameras as a GLB file (glTF 2.0, binary), for viewers and Blender."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.shapes import Matrix, Points

_FLOAT, _BYTE = 5126, 5121
_POINTS, _LINES = 0, 1
_FRAME = (255, 140, 0, 255)
_EDGES = np.array(((0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1)))
_AXES = np.diag((1.0, -1.0, -1.0, 1.0))  # from cameras that look along +z, y down, to those of glTF


class _Buffer:
    """Arrays one after the other, with what glTF says about them."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, values: npt.NDArray[Any], component: int, **more: Any) -> int:
        content = values.tobytes()
        self.views.append({"buffer": 0, "byteOffset": len(self.content), "byteLength": len(content)})
        self.content += content  # floats and four bytes: always a multiple of 4
        about = {"bufferView": len(self.views) - 1, "componentType": component, "count": len(values)}
        self.accessors.append({**about, "type": f"VEC{values.shape[1]}", **more})
        return len(self.accessors) - 1

    def primitive(self, mode: int, points: npt.NDArray[Any], colors: npt.NDArray[np.uint8]) -> dict[str, Any]:
        points = np.ascontiguousarray(points, "<f4")
        bounds = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        return {
            "mode": mode,
            "attributes": {
                "POSITION": self.add(points, _FLOAT, **bounds),
                "COLOR_0": self.add(colors, _BYTE, normalized=True),
            },
        }


def write_glb(
    path: Path,
    points: Points,
    colors: npt.NDArray[np.uint8],
    cameras: Sequence[tuple[str, Camera, Matrix]],
    length: float,
) -> None:
    """Write points, and for each camera a pyramid of lines and a camera to look through.

    The first camera is at the origin, y is up, and it looks along +z.

    Args:
        path: written whole or not at all.
        points: N x 3, in the world.
        colors: N x 3, red, green, blue.
        cameras: name, camera and pose (4 x 4, camera to world) of each; one or more.
        length: of the pyramids.
    """
    turn = np.linalg.inv(cameras[0][2] @ np.diag((-1.0, -1.0, 1.0, 1.0)))
    buffer = _Buffer()
    meshes, nodes = [], []
    if len(points):
        moved = points @ turn[:3, :3].T + turn[:3, 3]
        opaque = np.concatenate((colors, np.full((len(colors), 1), 255, np.uint8)), axis=1)
        meshes.append({"name": "points", "primitives": [buffer.primitive(_POINTS, moved, opaque)]})
        nodes.append({"name": "points", "mesh": 0})
    for number, (name, camera, pose) in enumerate(cameras):
        corners = pyramid_lines(camera, length)
        color = np.full((len(corners), 4), _FRAME, np.uint8)
        meshes.append({"name": name, "primitives": [buffer.primitive(_LINES, corners, color)]})
        placed = turn @ pose
        nodes.append({"name": name, "mesh": len(meshes) - 1, "matrix": placed.T.ravel().tolist()})
        look = (placed @ _AXES).T.ravel().tolist()
        nodes.append({"name": f"{name} camera", "camera": number, "matrix": look})
    document = {
        "asset": {"version": "2.0", "generator": "foundation_stereo_ros"},
        "scene": 0,
        "scenes": [{"nodes": [*range(len(nodes))]}],
        "nodes": nodes,
        "meshes": meshes,
        "cameras": [_perspective(name, camera) for name, camera, _ in cameras],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.content)}],
    }
    text = json.dumps(document, allow_nan=False).encode("utf-8")
    text += b" " * (-len(text) % 4)
    with atomic_write(path) as stream:
        stream.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(buffer.content)))
        stream.write(struct.pack("<I4s", len(text), b"JSON") + text)
        stream.write(struct.pack("<I4s", len(buffer.content), b"BIN\0") + buffer.content)


def pyramid_lines(camera: Camera, length: float) -> npt.NDArray[np.float64]:
    """Return the ends of eight lines, 16 x 3, around what a camera sees up to a depth, in its own frame."""
    u = np.array((0, camera.width, camera.width, 0)) - 0.5
    v = np.array((0, 0, camera.height, camera.height)) - 0.5
    corners = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(4)), axis=1)
    return np.asarray(
        (np.concatenate((np.zeros((1, 3)), corners)) * length)[_EDGES].reshape(-1, 3), np.float64
    )


def _perspective(name: str, camera: Camera) -> dict[str, Any]:
    opening = 2 * math.atan(camera.height / (2 * camera.fy))
    ratio = camera.width / camera.height * camera.fy / camera.fx
    return {
        "name": name,
        "type": "perspective",
        "perspective": {"yfov": opening, "aspectRatio": ratio, "znear": 0.01},
    }
