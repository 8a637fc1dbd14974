# SPDX-License-Identifier: Apache-2.0
"""GLB files, read back as the standard describes them (glTF 2.0, sections 3.6 and 4.4)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from glb_files import read_glb

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.io.glb import write_glb

CAMERA = Camera(64, 48, 60, 60, 31.5, 23.5)


def test_points_and_cameras_come_back(tmp_path: Path) -> None:
    pose = np.eye(4)
    pose[:3, 3] = (1, 0, 0)
    pose[:3, :3] = ((0, 0, 1), (0, 1, 0), (-1, 0, 0))  # looks along x
    points = np.array(((0, 0, 2), (1, -1, 3)), np.float32)
    colors = np.array(((255, 0, 0), (0, 128, 0)), np.uint8)
    write_glb(tmp_path / "a.glb", points, colors, [("a", CAMERA, np.eye(4)), ("b", CAMERA, pose)], 0.5)
    document, arrays = read_glb(tmp_path / "a.glb")
    # The first camera is at the origin, y up, and looks along +z; what is below it has a negative y.
    np.testing.assert_allclose(arrays[0], ((0, 0, 2), (-1, 1, 3)), atol=1e-6)
    np.testing.assert_array_equal(arrays[1], ((255, 0, 0, 255), (0, 128, 0, 255)))
    modes = [mesh["primitives"][0]["mode"] for mesh in document["meshes"]]
    assert modes == [0, 1, 1]
    assert [len(values) for values in arrays[2::2]] == [16, 16]
    tip = arrays[2].reshape(-1, 2, 3)[0, 0]
    np.testing.assert_array_equal(tip, 0)
    assert arrays[2][:, 2].max() == pytest.approx(0.5)
    nodes = {node["name"]: node for node in document["nodes"]}
    placed = np.array(nodes["b"]["matrix"]).reshape(4, 4).T
    np.testing.assert_allclose(placed[:3, 3], (-1, 0, 0), atol=1e-9)
    np.testing.assert_allclose(placed[:3, 2], (-1, 0, 0), atol=1e-9)  # where it looks
    look = np.array(nodes["b camera"]["matrix"]).reshape(4, 4).T
    np.testing.assert_allclose(-look[:3, 2], placed[:3, 2], atol=1e-9)
    perspective = document["cameras"][0]["perspective"]
    assert np.tan(perspective["yfov"] / 2) * 60 == pytest.approx(24)
    assert perspective["aspectRatio"] == pytest.approx(64 / 48)


def test_cameras_without_points(tmp_path: Path) -> None:
    none = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8)
    write_glb(tmp_path / "a.glb", *none, [("ä.png", CAMERA, np.eye(4))], 1.0)
    document, _ = read_glb(tmp_path / "a.glb")
    assert [node["name"] for node in document["nodes"]] == ["ä.png", "ä.png camera"]
