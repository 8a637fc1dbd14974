# SPDX-License-Identifier: Apache-2.0
"""What lies on disk of a scene, each kind read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from glb_files import read_glb
from turned_object import HEIGHT, WIDTH, turned_object

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.views.alignment.solve import solve
from foundation_stereo_ros.estimate.views.config import AlignmentSettings
from foundation_stereo_ros.estimate.views.files.scene_files import SCENE_KINDS, parse_scene_kinds, write_scene
from foundation_stereo_ros.estimate.views.preprocess import NetworkGrid
from foundation_stereo_ros.estimate.views.scene import Scene
from foundation_stereo_ros.geometry.poses import pose_from_quaternion


@pytest.fixture(scope="module")
def scene() -> Scene:
    ball = turned_object((0.0, 10.0, 20.0))
    settings = AlignmentSettings(coarse_iterations=60, fine_iterations=0)
    made = solve(ball.solved_with(), ball.predictions, ball.matches, settings)
    grid = NetworkGrid.of_image(4 * WIDTH, 4 * HEIGHT, WIDTH)  # as if the pictures had been larger
    assert (grid.width, grid.height) == (WIDTH, 64)
    rows = slice(grid.top, grid.top + 64)
    views = []
    for view in made.views:
        cut = {
            name: getattr(view, name)[rows] for name in ("image", "depth", "confidence", "cleaned", "mask")
        }
        camera = replace(view.camera, height=64, cy=view.camera.cy - grid.top)
        views.append(replace(view, **cut, camera=camera, grid=grid))
    return replace(made, views=tuple(views))


@pytest.fixture(scope="module")
def folder(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("scene")
    written = write_scene(place, scene, SCENE_KINDS)
    assert sorted(written) == sorted(path for path in place.rglob("*") if path.is_file())
    assert written[-1].name == "scene.json"
    return place


def test_arrays(folder: Path, scene: Scene) -> None:
    for view in scene.views:
        told = np.load(folder / f"{view.name.removesuffix('.png')}.npz")
        np.testing.assert_array_equal(told["valid"], view.valid())
        np.testing.assert_array_equal(np.isfinite(told["depth"]), told["valid"])
        np.testing.assert_array_equal(told["depth"][told["valid"]], view.depth[view.valid()])
        np.testing.assert_array_equal(told["pose"], view.pose)
        np.testing.assert_allclose(told["source_K"][0, 0], 4 * told["K"][0, 0])
        assert told["source_size"].tolist() == [4 * WIDTH, 4 * HEIGHT]


def test_cloud(folder: Path, scene: Scene) -> None:
    head, _, body = (folder / "cloud.ply").read_bytes().partition(b"end_header\n")
    assert b"property float confidence" in head
    rows = np.frombuffer(body, [("xyz", "<f4", 3), ("rgb", "u1", 3), ("confidence", "<f4")])
    assert f"element vertex {len(rows)}".encode() in head
    cloud = scene.cloud()
    np.testing.assert_array_equal(rows["xyz"], cloud.points)
    np.testing.assert_array_equal(rows["rgb"], cloud.colors)
    np.testing.assert_array_equal(rows["confidence"], cloud.confidence)
    assert len(rows) > 1000


def test_cloud_and_cameras_for_viewers(folder: Path, scene: Scene) -> None:
    document, arrays = read_glb(folder / "scene.glb")
    assert len(arrays[0]) == len(scene.cloud().points)
    assert [node["name"] for node in document["nodes"]][:2] == ["points", "0.png"]
    assert len(document["cameras"]) == 3


def test_the_model_is_that_of_the_pictures(folder: Path, scene: Scene) -> None:
    text = (folder / "colmap" / "images.txt").read_text().splitlines()[2:]
    cameras = (folder / "colmap" / "cameras.txt").read_text().splitlines()[1:]
    points = {
        int(line.split()[0]): np.array(line.split()[1:4], float)
        for line in (folder / "colmap" / "points3D.txt").read_text().splitlines()[1:]
    }
    assert len(points) > 1000
    for view, row, ends, camera in zip(scene.views, text[::2], text[1::2], cameras, strict=True):
        w, x, y, z, *shift = map(float, row.split()[1:8])
        np.testing.assert_allclose(
            pose_from_quaternion(shift, (x, y, z, w)), np.linalg.inv(view.pose), atol=1e-6
        )
        fx, fy, cx, cy = map(float, camera.split()[4:])
        table = np.array(ends.split(), float).reshape(-1, 3)
        assert table[:, :2].max() < 4 * WIDTH
        seen = np.stack([points[int(point)] for point in table[:, 2]])
        local = (seen - view.pose[:3, 3]) @ view.pose[:3, :3]
        np.testing.assert_allclose(fx * local[:, 0] / local[:, 2] + cx, table[:, 0], atol=0.05)
        np.testing.assert_allclose(fy * local[:, 1] / local[:, 2] + cy, table[:, 1], atol=0.05)


def test_trajectory_and_transforms(folder: Path, scene: Scene) -> None:
    rows = np.loadtxt(folder / "trajectory.txt")
    frames = json.loads((folder / "transforms.json").read_text())["frames"]
    for number, (view, row, frame) in enumerate(zip(scene.views, rows, frames, strict=True)):
        assert row[0] == number
        np.testing.assert_allclose(pose_from_quaternion(row[1:4], row[4:]), view.pose, atol=1e-7)
        matrix = np.array(frame["transform_matrix"])
        np.testing.assert_allclose(matrix[:3, 3], view.pose[:3, 3])
        np.testing.assert_allclose(-matrix[:3, 2], view.pose[:3, 2])  # NeRF's cameras look along -z
        assert (frame["file_path"], frame["w"]) == (view.name, 4 * WIDTH)


def test_pictures(folder: Path, scene: Scene) -> None:
    depth = cv2.imread(str(folder / "0_depth.png"), cv2.IMREAD_UNCHANGED)
    view = scene.views[0]
    np.testing.assert_allclose(depth[view.valid()], 1000 * view.depth[view.valid()], atol=0.6)
    picture = cv2.imread(str(folder / "overview.png"))
    orange = (np.abs(picture.astype(int) - (0, 140, 255)).max(axis=2) < 20).sum()
    assert orange > 50  # the cameras


def test_what_is_said_of_it(folder: Path, scene: Scene) -> None:
    told = json.loads((folder / "scene.json").read_text())
    assert told["world"] == "foreground"
    assert [*told["views"]] == ["0.png", "1.png", "2.png"]
    assert told["pairs"][0]["matches"] == scene.pairs[0].matches
    assert told["losses"]["coarse"] == list(scene.losses["coarse"])


def test_a_scene_of_which_nothing_is_sure(scene: Scene, tmp_path: Path) -> None:
    write_scene(tmp_path, scene, SCENE_KINDS, min_certainty=1e6)
    assert b"element vertex 0" in (tmp_path / "cloud.ply").read_bytes()
    read_glb(tmp_path / "scene.glb")


def test_kinds() -> None:
    assert parse_scene_kinds(" GLB,npz,glb") == ("glb", "npz")
    with pytest.raises(ConfigError, match="unknown export 'obj'; expected some of npz,png,ply,glb,colmap"):
        parse_scene_kinds("obj")


def test_the_page_shows_everything(folder: Path, scene: Scene) -> None:
    page = (folder / "scene.html").read_text()
    assert page.count("<img") == 6
    assert '<canvas class="view"' in page
    assert "3 cameras around the foreground" in page
    assert f"{len(scene.cloud().points):,}" in page
