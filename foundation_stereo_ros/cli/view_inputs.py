# SPDX-License-Identifier: Apache-2.0
"""Where the pictures of a scene come from: folders, masks, videos; and what is known of their cameras."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import count
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.io.outputs import keep

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.video.undistortion import Undistortion
    from foundation_stereo_ros.estimate.views.files.folder import CameraOf
    from foundation_stereo_ros.estimate.views.scene import View
    from foundation_stereo_ros.io.exif import Exif

_EXIF = Path("exif")


def add_input_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Declare the flags for masks, videos and cameras; returns the group of the last."""
    add = parser.add_argument
    add(
        "--masks",
        type=Path,
        metavar="FOLDER",
        help="a mask for each picture, of the same name or with _mask: what is white is reconstructed, what "
        "is black may stand still or move (default: FOLDER/masks if there is one, otherwise alpha channels)",
    )
    add("--no-alpha", action="store_true", help="alpha channels are no masks")
    add(
        "--every",
        type=count,
        metavar="N",
        default=0,
        help="of a video: one picture of each N frames (default: so many that there are about 24 pictures)",
    )
    add(
        "--sharpest",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="of a video: the sharpest of these frames, not the first (default: on)",
    )
    camera = parser.add_argument_group("cameras")
    camera.add_argument(
        "--intrinsics",
        type=Path,
        metavar="FILE",
        help="calibration of the camera, of any kind that `video` reads; or exif, the focal lengths that the "
        "pictures note (default: estimated)",
    )
    camera.add_argument(
        "--camera", default="", metavar="NAME", help="camera in that file (default: the first)"
    )
    camera.add_argument(
        "--poses",
        type=Path,
        metavar="FILE",
        help="known poses, camera to world in metres: a picture's name or number, x y z, qx qy qz qw a line; "
        "they stay as they are if every picture has one, and are a start otherwise (see --known-poses)",
    )
    return camera


def scene_folders(root: Path) -> Mapping[str, Path]:
    """Return the folders of a batch by their names; none where the folder itself has pictures."""
    if not root.is_dir() or _pictures_of(root):
        return {}
    return {path.name: path for path in sorted(root.iterdir()) if path.is_dir() and _pictures_of(path)}


def views_of(args: argparse.Namespace, source: Path, masks: Path | None) -> list[View]:
    """Read the pictures of a folder, or some of a video.

    Args:
        args: of `add_input_options`.
        source: a folder with pictures, or with a folder ``images``; or a video file.
        masks: folder with masks; None: ``masks`` in the folder, if there is one.
    """
    from foundation_stereo_ros.estimate.views.files.folder import picture_files, read_views, with_poses
    from foundation_stereo_ros.estimate.views.files.video_frames import VIDEOS, video_views

    camera_of = _camera_reader(args.intrinsics, args.camera)
    if source.suffix.lower() in VIDEOS and not source.is_dir():
        if masks:
            raise ConfigError(f"--masks {masks} is for folders of pictures; expected none with a video")
        views = video_views(source, args.every, args.sharpest, camera_of)
    else:
        files = picture_files(_pictures_of(source) or source)
        if masks is None and (source / "masks").is_dir():
            masks = source / "masks"
            print(f"note: masks are those in {masks}", file=sys.stderr)
        keep(files)
        if masks is not None and masks.is_dir():
            keep(masks.iterdir())
        views = read_views(files, masks, not args.no_alpha, camera_of)
    return with_poses(views, args.poses) if args.poses else views


def _pictures_of(folder: Path) -> Path | None:
    from foundation_stereo_ros.datasets.tree import IMAGES

    for place in (folder, folder / "images"):
        if place.is_dir() and any(path.suffix.lower() in IMAGES for path in place.iterdir()):
            return place
    return None


def _camera_reader(file: Path | None, name: str) -> CameraOf | None:
    """Return what completes each view with its camera, and takes off its distortion.

    Args:
        file: a calibration, or ``exif``; None: nothing is known.
        name: of the camera in it.
    """
    from foundation_stereo_ros.estimate.views.files.folder import focal_from_exif

    if file is None:
        return None
    if file == _EXIF and not file.is_file():
        return focal_from_exif
    return _Calibrated(file, name)


class _Calibrated:
    def __init__(self, file: Path, name: str) -> None:
        self._file, self._name = file, name
        self._of_size: dict[tuple[int, int], Undistortion] = {}

    def __call__(self, view: View, notes: Exif) -> View:
        size = (view.image.shape[1], view.image.shape[0])
        if size not in self._of_size:
            self._of_size[size] = self._read(size)
        without = self._of_size[size]
        mask = view.mask
        if mask is not None and without.bends:
            mask = without(mask[..., None].repeat(3, 2).astype("uint8") * 255)[..., 0] > 127
        return replace(view, image=without(view.image), mask=mask, camera=without.camera)

    def _read(self, size: tuple[int, int]) -> Undistortion:
        from foundation_stereo_ros.estimate.video.undistortion import Undistortion
        from foundation_stereo_ros.io.calibration import read_camera

        found = read_camera(self._file, size, self._name)
        if found.note and not self._of_size:
            print(f"note: {found.note}", file=sys.stderr)
        return Undistortion(found.calibration, size)
