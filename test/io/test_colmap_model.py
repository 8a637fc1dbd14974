# SPDX-License-Identifier: Apache-2.0
"""COLMAP models, read back by hand as its documentation describes them, by our reader, and by pycolmap."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from foundation_stereo_ros.datasets.posed_layouts import open_posed_video
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.io.colmap_model import ModelImage, write_colmap

CAMERA = Camera(64, 48, 60, 61, 31.5, 23.5)


def images() -> list[ModelImage]:
    rng = np.random.default_rng(0)
    found = []
    for number in range(3):
        pose = pose_from_quaternion(rng.normal(size=3), rng.normal(size=4))
        count = (5, 0, 3)[number]
        pixels = rng.integers(0, 48, (count, 2)).astype(np.float64)
        local = np.stack(((pixels[:, 0] - 31.5) / 60, (pixels[:, 1] - 23.5) / 61, np.ones(count)), 1) * 3
        points = (local @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
        colors = rng.integers(0, 256, (count, 3), dtype=np.uint8)
        found.append(ModelImage(f"view_{number}.png", CAMERA, pose, pixels, points, colors))
    return found


def rows(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().split("\n")[:-1] if not line.startswith("#")]


def test_the_text_form_projects_points_to_their_pixels(tmp_path: Path) -> None:
    given = images()
    written = write_colmap(tmp_path, given)
    assert sorted(path.name for path in written) == sorted(path.name for path in tmp_path.iterdir())
    cameras = {row[0]: row for row in rows(tmp_path / "cameras.txt")}
    assert cameras["1"] == ["1", "PINHOLE", "64", "48", "60", "61", "32", "24"]
    points = {row[0]: row for row in rows(tmp_path / "points3D.txt")}
    assert len(points) == 8
    lines = rows(tmp_path / "images.txt")
    assert len(lines) == 6
    for image, row, ends in zip(given, lines[::2], lines[1::2], strict=True):
        assert " ".join(row[9:]) == image.name
        w, x, y, z, *shift = map(float, row[1:8])
        to_camera = pose_from_quaternion(shift, (x, y, z, w))
        np.testing.assert_allclose(to_camera, np.linalg.inv(image.pose), atol=1e-8)
        fx, fy, cx, cy = map(float, cameras[row[8]][4:])
        assert len(ends) == 3 * len(image.points)
        for k in range(len(image.points)):
            u, v, name = ends[3 * k : 3 * k + 3]
            point = points[name]
            assert point[8:] == [row[0], str(k)]
            assert [int(c) for c in point[4:7]] == image.colors[k].tolist()
            a, b, c = to_camera[:3, :3] @ [float(value) for value in point[1:4]] + to_camera[:3, 3]
            assert (fx * a / c + cx, fy * b / c + cy) == pytest.approx((float(u), float(v)), abs=0.01)


def test_the_binary_form_holds_the_same(tmp_path: Path) -> None:
    given = images()
    write_colmap(tmp_path, given)
    content = (tmp_path / "images.bin").read_bytes()
    (count,), at = struct.unpack_from("<Q", content), 8
    assert count == 3
    for number, image in enumerate(given, start=1):
        told = struct.unpack_from("<I7dI", content, at)
        assert (told[0], told[8]) == (number, number)
        assert told[1:8] == pytest.approx(image.row())
        end = content.index(b"\0", at + 64)
        assert content[at + 64 : end].decode() == image.name
        (ends,) = struct.unpack_from("<Q", content, end + 1)
        assert ends == len(image.pixels)
        for k in range(ends):
            u, v, point = struct.unpack_from("<ddq", content, end + 9 + 24 * k)
            assert [u - 0.5, v - 0.5] == image.pixels[k].tolist()
            assert point > 0
        at = end + 9 + 24 * ends
    assert at == len(content)
    content = (tmp_path / "cameras.bin").read_bytes()
    assert len(content) == 8 + 3 * (4 + 4 + 8 + 8 + 32)
    assert struct.unpack_from("<iiQQ4d", content, 8) == (1, 1, 64, 48, 60, 61, 32, 24)
    content = (tmp_path / "points3D.bin").read_bytes()
    assert len(content) == 8 + 8 * (8 + 24 + 3 + 8 + 8 + 8)
    first = struct.unpack_from("<Q3d3BdQii", content, 8)
    assert first[0] == 1
    assert first[1:4] == pytest.approx(given[0].points[0].tolist())
    assert first[7:] == (0.0, 1, 1, 0)


def test_our_own_reader_finds_the_poses(tmp_path: Path) -> None:
    given = [image._replace(name=f"{k}.png") for k, image in enumerate(images())]
    write_colmap(tmp_path, given)
    text = (tmp_path / "images.txt").read_text().splitlines()
    text = [" ".join([*line.split()[:8], "1", line.split()[9]]) if ".png" in line else line for line in text]
    (tmp_path / "images.txt").write_text("\n".join(text) + "\n")  # one camera, as it expects
    video = open_posed_video(tmp_path)
    for frame, image in zip(video.frames, given, strict=True):
        np.testing.assert_allclose(frame.pose, image.pose, atol=1e-8)
    assert video.intrinsics == pytest.approx((60, 61, 31.5, 23.5))


@pytest.mark.parametrize("form", ["text", "binary"])
def test_pycolmap_reads_it(tmp_path: Path, form: str) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    given = images()
    for path in write_colmap(tmp_path, given):
        if path.suffix != {"text": ".txt", "binary": ".bin"}[form]:
            path.unlink()
    model = pycolmap.Reconstruction(str(tmp_path))
    assert (len(model.cameras), len(model.images), len(model.points3D)) == (3, 3, 8)
    for image in given:
        found = next(one for one in model.images.values() if one.name == image.name)
        pose = found.cam_from_world
        matrix = (pose() if callable(pose) else pose).matrix()
        np.testing.assert_allclose(matrix, np.linalg.inv(image.pose)[:3], atol=1e-6)
    assert model.compute_mean_reprojection_error() < 0.1
