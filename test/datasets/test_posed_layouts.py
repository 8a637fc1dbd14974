# SPDX-License-Identifier: Apache-2.0
"""One video in every layout of files: the same frames, poses and intrinsics come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from posed_scenes import quaternion, small_clip, write_deepvideomvs

from foundation_stereo_ros.datasets.posed_layouts import open_posed_video
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.poses import is_known
from foundation_stereo_ros.io.pictures import write_png

CLIP = small_clip()
START = 1_700_000_000.0


def _images(folder: Path, name: Callable[[int], str]) -> None:
    for number, image in enumerate(CLIP.images):
        write_png(folder / name(number), image)


def _depths(folder: Path, name: Callable[[int], str], unit: float) -> None:
    for number, depth in enumerate(CLIP.depths):
        write_png(folder / name(number), np.rint(depth / unit).astype(np.uint16))


def _trajectory(file: Path, every: float = 0.05, offset: float = 0.0) -> None:
    rows = [
        (START + offset + every * number, *pose[:3, 3], *quaternion(pose))
        for number, pose in enumerate(CLIP.poses)
    ]
    file.write_text(
        "# timestamp tx ty tz qx qy qz qw\n" + "\n".join(" ".join(map(repr, map(float, r))) for r in rows)
    )


def _deepvideomvs(root: Path) -> None:
    write_deepvideomvs(root, CLIP)


def _seven_scenes(root: Path) -> None:
    _images(root, lambda i: f"frame-{i:06d}.color.png")
    _depths(root, lambda i: f"frame-{i:06d}.depth.png", 0.001)
    for number, pose in enumerate(CLIP.poses):
        np.savetxt(root / f"frame-{number:06d}.pose.txt", pose)


def _scannet(root: Path) -> None:
    _images(root / "color", lambda i: f"{i + 8}.png")  # 8, 9, 10 ...
    _depths(root / "depth", lambda i: f"{i + 8}.png", 0.001)
    for number, pose in enumerate(CLIP.poses):
        (root / "pose").mkdir(exist_ok=True)
        np.savetxt(root / "pose" / f"{number + 8}.txt", pose)
    k = np.eye(4)
    k[:3, :3] = CLIP.camera.matrix
    (root / "intrinsic").mkdir()
    np.savetxt(root / "intrinsic" / "intrinsic_color.txt", k)


def _tum(root: Path) -> None:
    _images(root / "rgb", lambda i: f"{START + 0.05 * i:.6f}.png")
    _depths(root / "depth", lambda i: f"{START + 0.05 * i + 0.01:.6f}.png", 1 / 5000)
    for kind, late in (("rgb", 0.0), ("depth", 0.01)):
        stamps = [f"{START + 0.05 * i + late:.6f}" for i in range(len(CLIP.images))]
        (root / f"{kind}.txt").write_text("# list\n" + "\n".join(f"{s} {kind}/{s}.png" for s in stamps))
    _trajectory(root / "groundtruth.txt")


def _kitti(root: Path) -> None:
    _images(root / "image_2", lambda i: f"{i:06d}.png")
    np.savetxt(root / "poses.txt", [pose[:3].ravel() for pose in CLIP.poses])
    row = " ".join(map(str, np.hstack((CLIP.camera.matrix, np.zeros((3, 1)))).ravel()))
    (root / "calib.txt").write_text(f"P0: {row}\nP1: {row}\nP2: {row}\nP3: {row}\n")


def _colmap(root: Path) -> None:
    _images(root / "images", lambda i: f"{i:03d}.png")
    c, model = CLIP.camera, root / "sparse" / "0"
    model.mkdir(parents=True)
    (model / "cameras.txt").write_text(
        f"# cameras\n1 PINHOLE {c.width} {c.height} {c.fx} {c.fy} {c.cx + 0.5} {c.cy + 0.5}\n"
    )
    lines = ["# images"]
    for number, pose in enumerate(CLIP.poses):
        inverse = np.linalg.inv(pose)
        x, y, z, w = quaternion(inverse)
        place = " ".join(map(str, inverse[:3, 3]))
        lines += [f"{number + 1} {w} {x} {y} {z} {place} 1 {number:03d}.png", ""]
    (model / "images.txt").write_text("\n".join(lines))


def _stamped(root: Path) -> None:
    _images(root, lambda i: f"{int(START * 1e9) + 50_000_000 * i}.png")
    _trajectory(root / "trajectory.txt")


LAYOUTS = {
    "DeepVideoMVS": _deepvideomvs,
    "7-Scenes": _seven_scenes,
    "ScanNet": _scannet,
    "TUM RGB-D": _tum,
    "KITTI odometry": _kitti,
    "COLMAP": _colmap,
    "images with a trajectory": _stamped,
}
OWN_INTRINSICS = ("DeepVideoMVS", "ScanNet", "KITTI odometry", "COLMAP")
WITH_DEPTH = ("DeepVideoMVS", "7-Scenes", "ScanNet", "TUM RGB-D")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_video(layout: str, tmp_path: Path) -> None:
    LAYOUTS[layout](tmp_path)
    video = open_posed_video(tmp_path)
    assert video.layout == layout
    assert len(video.frames) == len(CLIP.images)
    for frame, image, depth, pose in zip(video.frames, CLIP.images, CLIP.depths, CLIP.poses, strict=True):
        np.testing.assert_array_equal(video.image(frame), image)
        np.testing.assert_allclose(frame.pose, pose, atol=1e-6)
        found = video.depth(frame)
        assert (found is not None) == (layout in WITH_DEPTH)
        if found is not None:
            np.testing.assert_allclose(found, depth, atol=0.001)
    if layout in OWN_INTRINSICS:
        c = CLIP.camera
        assert video.intrinsics == pytest.approx((c.fx, c.fy, c.cx, c.cy))


def test_poses_are_interpolated_where_a_trajectory_has_other_stamps(tmp_path: Path) -> None:
    _images(tmp_path, lambda i: f"{START + 0.05 * i:.3f}.png")
    _trajectory(tmp_path / "trajectory.txt", offset=-0.025)
    video = open_posed_video(tmp_path)
    middle = (CLIP.poses[1][:3, 3] + CLIP.poses[2][:3, 3]) / 2
    np.testing.assert_allclose(video.frames[1].pose[:3, 3], middle, atol=1e-4)
    assert not is_known(video.frames[-1].pose)  # after the last one


def test_a_separate_file_of_poses_comes_before_that_of_the_folder(tmp_path: Path) -> None:
    write_deepvideomvs(tmp_path / "video", CLIP)
    np.savetxt(tmp_path / "mine.txt", [np.eye(4).ravel()] * len(CLIP.images))
    video = open_posed_video(tmp_path / "video", tmp_path / "mine.txt")
    np.testing.assert_array_equal(video.frames[2].pose, np.eye(4))
    assert video.intrinsics is not None


def test_a_frame_without_a_pose_is_one(tmp_path: Path) -> None:
    write_deepvideomvs(tmp_path, CLIP, lost=(2,))
    known = [is_known(frame.pose) for frame in open_posed_video(tmp_path).frames]
    assert known == [True, True, False, True, True, True]


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda root: (root / "poses.txt").write_text("1 2 3\n" * 6),
            "3 numbers for a pose; expected 12 or 16",
        ),
        (lambda root: (root / "poses.txt").write_text("x " * 16), "has 'x'; expected a number"),
        (lambda root: (root / "poses.txt").write_text("x" * 9000), r"^.{1,300}$"),
        (lambda root: np.savetxt(root / "poses.txt", [np.eye(4).ravel()] * 4), "4 lines for 6 images"),
        (lambda root: (root / "K.txt").write_text("500 500"), "2 numbers; expected the nine of K"),
        (lambda root: (root / "poses.txt").unlink(), "holds no posed video; expected images/ with"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    break_it: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    write_deepvideomvs(tmp_path, CLIP)
    break_it(tmp_path)
    with pytest.raises(FileFormatError, match=message):
        open_posed_video(tmp_path)


def test_times_that_do_not_overlap_are_said(tmp_path: Path) -> None:
    _images(tmp_path, lambda i: f"{START + 1000 + 0.05 * i:.3f}.png")
    _trajectory(tmp_path / "trajectory.txt")
    with pytest.raises(FileFormatError, match="expected times that overlap"):
        open_posed_video(tmp_path)


def test_an_image_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    _colmap(tmp_path)
    file = tmp_path / "sparse" / "0" / "images.txt"
    file.write_text(file.read_text().replace("003.png", "../../../etc/passwd"))
    with pytest.raises(FileFormatError, match=r"expected a file below .*images"):
        open_posed_video(tmp_path)


def test_an_image_outside_of_a_tum_folder_is_refused(tmp_path: Path) -> None:
    _tum(tmp_path)
    (tmp_path / "rgb.txt").write_text(f"{START} /etc/passwd\n")
    with pytest.raises(FileFormatError, match="names '/etc/passwd'; expected a file below"):
        open_posed_video(tmp_path)


def test_images_of_one_name_are_told_apart_by_their_folders_or_refused(tmp_path: Path) -> None:
    _colmap(tmp_path)
    (tmp_path / "images" / "other").mkdir()
    (tmp_path / "images" / "000.png").rename(tmp_path / "images" / "other" / "001.png")
    file = tmp_path / "sparse" / "0" / "images.txt"
    file.write_text(file.read_text().replace("000.png", "other/001.png"))
    names = [frame.name for frame in open_posed_video(tmp_path).frames]
    assert "other/001" in names
    assert "001" in names
    write_png(tmp_path / "again" / "frame.png", CLIP.images[0])
    write_png(tmp_path / "again" / "frame.tif", CLIP.images[0])
    np.savetxt(tmp_path / "again" / "trajectory.txt", [np.eye(4).ravel()] * 2)
    with pytest.raises(FileFormatError, match="has 2 images called 'frame'; expected names that differ"):
        open_posed_video(tmp_path / "again")
