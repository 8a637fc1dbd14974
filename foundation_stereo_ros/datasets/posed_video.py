# SPDX-License-Identifier: Apache-2.0
"""A video in a folder, with the camera's pose for each image: what every layout of one is read into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.io.pictures import read_pixels, read_rgb
from foundation_stereo_ros.shapes import DepthMap, Matrix, RgbImage

Intrinsics = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels."""


@dataclass(frozen=True, eq=False)
class PosedFrame:
    """One image of the video, not read yet.

    Attributes:
        name: of the image without ending; with its folders where images lie in several.
        path: of the image.
        pose: 4 x 4, as the file has it: from camera to world, axes and unit are the file's; `NO_POSE` where
            the file has none.
        stamp: seconds; None where the layout has none.
        depth: of the true depth, if there is one.
    """

    name: str
    path: Path
    pose: Matrix
    stamp: float | None = None
    depth: Path | None = None


@dataclass(frozen=True, eq=False)
class PosedVideo:
    """The frames of a folder in order.

    Attributes:
        layout: how the folder is laid out, in words.
        frames: in the order of time.
        intrinsics: of the images; None where the layout has none.
        axes: of the camera in the poses, as `geometry.poses.AXES` names them.
        depth_unit: metres that one step of a depth image stands for.
        note: what the reader found odd; empty: nothing.
    """

    layout: str
    frames: Sequence[PosedFrame]
    intrinsics: Intrinsics | None
    axes: str = "opencv"
    depth_unit: float = 0.001
    note: str = ""

    def image(self, frame: PosedFrame) -> RgbImage:
        """Read an image.

        Raises:
            FileFormatError: there is no such file, or no such image in it.
        """
        return read_rgb(frame.path)

    def depth(self, frame: PosedFrame) -> DepthMap | None:
        """Read a frame's true depth, NaN where unknown; None where there is none.

        Raises:
            FileFormatError: the file is not a 16-bit image of one channel.
        """
        if frame.depth is None:
            return None
        stored = read_pixels(frame.depth)
        if stored.ndim != 2 or stored.dtype != np.uint16:
            raise FileFormatError(f"{frame.depth} is {stored.dtype} {stored.shape}; expected 16-bit depth")
        known = (stored > 0) & (stored < 65535)
        metres = stored * np.float32(self.depth_unit)
        return np.asarray(np.where(known, metres, np.nan), np.float32)

    def camera(self, image: RgbImage) -> Camera:
        """Return the camera of an image.

        Raises:
            CalibrationError: the intrinsics are none of a camera.
            FileFormatError: the layout has no intrinsics.
        """
        if self.intrinsics is None:
            raise FileFormatError(
                f"a folder laid out as {self.layout} has no intrinsics", remedy="intrinsics"
            )
        height, width = image.shape[:2]
        fx, fy, cx, cy = self.intrinsics
        return Camera(width, height, fx, fy, cx, cy)
