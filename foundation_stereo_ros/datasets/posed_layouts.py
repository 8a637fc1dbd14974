# SPDX-License-Identifier: Apache-2.0
"""Layouts of folders with a posed video; each is known by the files that it has.

deepvideomvs   images/*.png|jpg  poses.txt (4 x 4 a line, nan where lost)  K.txt  [depth/*.png, mm]
scannet        color/0.jpg  pose/0.txt  intrinsic/intrinsic_color.txt  [depth/0.png, mm]
7scenes        frame-000000.color.png  .pose.txt  [.depth.png, mm]
tum            rgb/*.png  rgb.txt  groundtruth.txt (stamp x y z qx qy qz qw)  [depth.txt, 1/5000 m]
kitti          image_2/*.png or image_0  poses.txt (3 x 4 a line)  calib.txt  [times.txt]
colmap         images/  sparse/0 or sparse or .: cameras.txt  images.txt (world to camera)
trajectory     *.png|jpg named by their stamps, or any with one pose each; trajectory.txt or poses.txt
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from foundation_stereo_ros.datasets import posed_colmap
from foundation_stereo_ros.datasets.posed_texts import floats, listed_below, posed, read_numbers, read_rows
from foundation_stereo_ros.datasets.posed_video import Intrinsics, PosedFrame, PosedVideo
from foundation_stereo_ros.datasets.tree import IMAGES
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.poses import NO_POSE, Trajectory
from foundation_stereo_ros.io.files import read_text
from foundation_stereo_ros.shapes import Matrix

_TUM_INTRINSICS = (525.0, 525.0, 319.5, 239.5)  # of the Kinect, as the data set's page recommends for ROS
_SEVEN_SCENES = (585.0, 585.0, 320.0, 240.0)
_TUM_GAP = 0.1  # seconds between two poses that are still interpolated
_TRAJECTORIES = ("trajectory.txt", "poses.txt", "groundtruth.txt", "CameraTrajectory.txt", "poses.tum")


def open_posed_video(root: Path, poses: Path | None = None) -> PosedVideo:
    """Find the frames of a folder and their poses.

    Args:
        root: the folder.
        poses: file with the poses, in place of that of the layout: a TUM trajectory, or a matrix a line.

    Raises:
        FileFormatError: the folder has none of the known layouts, or a file in it is damaged.
    """
    if not root.is_dir():
        raise FileFormatError(f"{root} is not a folder; expected one with images and poses")
    if poses is not None:
        return _told_apart(root, _with_trajectory(root, poses))
    for there, read in _LAYOUTS:
        if there(root):
            return _told_apart(root, read(root))
    raise FileFormatError(
        f"{root} holds no posed video; expected images/ with poses.txt and K.txt, frame-*.color.png with "
        ".pose.txt (7-Scenes), color/ with pose/ and intrinsic/ (ScanNet), rgb.txt with "
        "groundtruth.txt (TUM), image_2/ with poses.txt and calib.txt (KITTI), cameras.txt with "
        "images.txt (COLMAP), or images with trajectory.txt",
        remedy="poses",
    )


def posed_videos(root: Path, poses: Path | None = None) -> dict[str, PosedVideo]:
    """Find the videos of a folder: that in it, or those in the folders that it holds, by their names.

    Raises:
        FileFormatError: as `open_posed_video`.
    """
    if poses is None and root.is_dir() and not _has_video(root):
        folders = sorted(path for path in root.iterdir() if path.is_dir() and _has_video(path))
        if folders:
            return {path.name: open_posed_video(path) for path in folders}
    return {root.resolve().name: open_posed_video(root, poses)}


def _has_video(root: Path) -> bool:
    return any(there(root) for there, _ in _LAYOUTS)


def _told_apart(root: Path, video: PosedVideo) -> PosedVideo:
    """Refuse frames of one name: results carry it."""
    names = Counter(frame.name for frame in video.frames)
    name, count = names.most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise FileFormatError(f"{root} has {count} images called {name!r}; expected names that differ")
    return video


def _deepvideomvs(root: Path) -> PosedVideo:
    images = _images(root / "images")
    poses = _matrices(root / "poses.txt")
    _same_number(root / "poses.txt", poses, images)
    depths = root / "depth"
    frames = [
        PosedFrame(path.stem, path, pose, depth=_there(depths / f"{path.stem}.png"))
        for path, pose in zip(images, poses, strict=True)
    ]
    file = next(
        file for name in ("K.txt", "calibration", "calibration.txt") if (file := root / name).is_file()
    )
    return PosedVideo("DeepVideoMVS", frames, _intrinsics(file))


def _seven_scenes(root: Path) -> PosedVideo:
    frames = []
    for path in sorted(root.glob("frame-*.color.png")):
        stem = path.name.removesuffix(".color.png")
        pose = root / f"{stem}.pose.txt"
        matrix = _matrix(pose, read_numbers(pose)) if pose.is_file() else NO_POSE
        frames.append(PosedFrame(stem, path, matrix, depth=_there(root / f"{stem}.depth.png")))
    return PosedVideo("7-Scenes", frames, _SEVEN_SCENES)


def _scannet(root: Path) -> PosedVideo:
    paths = sorted(_images(root / "color"), key=lambda path: (len(path.stem), path.stem))  # 9 before 10
    frames = []
    for path in paths:
        pose = root / "pose" / f"{path.stem}.txt"
        matrix = _matrix(pose, read_numbers(pose)) if pose.is_file() else NO_POSE
        frames.append(PosedFrame(path.stem, path, matrix, depth=_there(root / "depth" / f"{path.stem}.png")))
    file = root / "intrinsic" / "intrinsic_color.txt"
    values = read_numbers(file)
    if len(values) != 16:
        raise FileFormatError(f"{file} has {len(values)} numbers; expected the 16 of a 4 x 4 matrix")
    return PosedVideo("ScanNet", frames, (values[0], values[5], values[2], values[6]))


def _tum(root: Path) -> PosedVideo:
    trajectory = _trajectory(root / "groundtruth.txt")
    images, depths = _listed(root / "rgb.txt"), {}
    if (root / "depth.txt").is_file():
        depths = dict(_listed(root / "depth.txt"))
    stamps = np.array(list(depths), np.float64)
    frames = []
    for stamp, name in images:
        depth = None
        if len(stamps):
            nearest = int(np.abs(stamps - stamp).argmin())
            if abs(stamps[nearest] - stamp) < 0.02:
                depth = _there(listed_below(root / "depth.txt", depths[float(stamps[nearest])], root))
        pose = trajectory.at(stamp)
        path = listed_below(root / "rgb.txt", name, root)
        frames.append(PosedFrame(path.stem, path, NO_POSE if pose is None else pose, stamp, depth))
    return PosedVideo("TUM RGB-D", frames, _TUM_INTRINSICS, depth_unit=1 / 5000)


def _kitti(root: Path) -> PosedVideo:
    folder = root / ("image_2" if (root / "image_2").is_dir() else "image_0")
    images, poses = _images(folder), _matrices(root / "poses.txt")
    _same_number(root / "poses.txt", poses, images)
    wanted = "P2:" if folder.name == "image_2" else "P0:"
    rows = [line.split() for line in read_text(root / "calib.txt").splitlines()]
    values = next((row[1:] for row in rows if row and row[0] == wanted), None)
    if values is None or len(values) != 12:
        raise FileFormatError(f"{root / 'calib.txt'} has no line {wanted} with 12 numbers")
    p = floats(root / "calib.txt", values)
    stamps: list[float | None] = [None] * len(images)
    if (root / "times.txt").is_file():
        times = read_numbers(root / "times.txt")
        _same_number(root / "times.txt", times, images)
        stamps = list(times)
    frames = [
        PosedFrame(path.stem, path, pose, stamp)
        for path, pose, stamp in zip(images, poses, stamps, strict=True)
    ]
    return PosedVideo("KITTI odometry", frames, (p[0], p[5], p[2], p[6]))


def _with_trajectory(root: Path, file: Path) -> PosedVideo:
    folder = next((place for name in ("images", "rgb", "") if _images_in(place := root / name)), root)
    images = _images(folder)
    first = next(iter(read_rows(file)), [])
    intrinsics = next((_intrinsics(root / n) for n in ("K.txt", "calibration") if (root / n).is_file()), None)
    if len(first) != 8:
        poses = _matrices(file)
        _same_number(file, poses, images)
        frames = [PosedFrame(path.stem, path, pose) for path, pose in zip(images, poses, strict=True)]
        return PosedVideo("images with a matrix each", frames, intrinsics)
    rows = [floats(file, row) for row in read_rows(file)]
    stamps = _stamps(images)
    if stamps is None:
        _same_number(file, rows, images)
        frames = [
            PosedFrame(path.stem, path, posed(file, row[1:4], row[4:8]), row[0])
            for path, row in zip(images, rows, strict=True)
        ]
        return PosedVideo("images with a trajectory", frames, intrinsics)
    trajectory = _trajectory(file)
    frames = []
    for path, stamp in zip(images, stamps, strict=True):
        pose = trajectory.at(stamp)
        frames.append(PosedFrame(path.stem, path, NO_POSE if pose is None else pose, stamp))
    if all(frame.pose is NO_POSE for frame in frames) and trajectory.span is not None:
        begin, end = trajectory.span
        raise FileFormatError(
            f"the images' names say {stamps[0]:.3f} to {stamps[-1]:.3f} s, and {file} has poses from "
            f"{begin:.3f} to {end:.3f} s; expected times that overlap"
        )
    return PosedVideo("images with a trajectory", frames, intrinsics)


def _stamps(images: Sequence[Path]) -> list[float] | None:
    """Return the times in the images' names, seconds with a point or nanoseconds; None if they say none."""
    try:
        values = [float(path.stem) for path in images]
    except ValueError:
        return None
    if all(value > 1e17 for value in values):
        return [int(path.stem) / 1e9 for path in images]
    return values if all("." in path.stem for path in images) else None


def _trajectory(file: Path) -> Trajectory:
    rows = [floats(file, row) for row in read_rows(file)]
    if any(len(row) != 8 for row in rows) or not rows:
        raise FileFormatError(f"{file} has no lines of eight numbers; expected: stamp x y z qx qy qz qw")
    return Trajectory([row[0] for row in rows], [posed(file, row[1:4], row[4:8]) for row in rows], _TUM_GAP)


def _intrinsics(file: Path) -> Intrinsics:
    values = read_numbers(file)
    if len(values) != 9:
        raise FileFormatError(f"{file} has {len(values)} numbers; expected the nine of K")
    return values[0], values[4], values[2], values[5]


def _matrices(file: Path) -> list[Matrix]:
    return [_matrix(file, floats(file, row)) for row in read_rows(file)]


def _matrix(file: Path, values: Sequence[float]) -> Matrix:
    if len(values) == 12:
        values = [*values, 0.0, 0.0, 0.0, 1.0]
    if len(values) != 16:
        raise FileFormatError(f"{file} has {len(values)} numbers for a pose; expected 12 or 16")
    matrix = np.array(values, np.float64).reshape(4, 4)
    return matrix if np.isfinite(matrix).all() else NO_POSE


def _listed(file: Path) -> list[tuple[float, str]]:
    return [(floats(file, row[:1])[0], row[1]) for row in read_rows(file) if len(row) > 1]


def _same_number(file: Path, lines: Sequence[object], images: Sequence[Path]) -> None:
    if len(lines) != len(images):
        raise FileFormatError(f"{file} has {len(lines)} lines for {len(images)} images; expected one each")


def _images(folder: Path) -> list[Path]:
    found = _images_in(folder)
    if not found:
        raise FileFormatError(f"{folder} holds no images; expected some ({', '.join(IMAGES[:3])} ...)")
    return found


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES and path.is_file())


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _has(*names: str) -> Callable[[Path], bool]:
    return lambda root: all((root / name).exists() for name in names)


def _plain_trajectory(root: Path) -> PosedVideo:
    return _with_trajectory(root, next(root / name for name in _TRAJECTORIES if (root / name).is_file()))


_LAYOUTS: Sequence[tuple[Callable[[Path], bool], Callable[[Path], PosedVideo]]] = (
    (lambda root: next(root.glob("frame-*.color.png"), None) is not None, _seven_scenes),
    (_has("color", "pose", "intrinsic/intrinsic_color.txt"), _scannet),
    (_has("rgb.txt", "groundtruth.txt"), _tum),
    (
        lambda root: (
            _has("poses.txt", "calib.txt")(root) and any((root / n).is_dir() for n in ("image_2", "image_0"))
        ),
        _kitti,
    ),
    (
        lambda root: (
            _has("images", "poses.txt")(root)
            and any((root / n).is_file() for n in ("K.txt", "calibration", "calibration.txt"))
            and len(next(iter(read_rows(root / "poses.txt")), [])) != 8
        ),
        _deepvideomvs,
    ),
    (posed_colmap.is_colmap, posed_colmap.open_colmap),
    (lambda root: any((root / name).is_file() for name in _TRAJECTORIES), _plain_trajectory),
)
