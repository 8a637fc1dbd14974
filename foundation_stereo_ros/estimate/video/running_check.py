# SPDX-License-Identifier: Apache-2.0
"""What the poses of a video are like, frame by frame: whether they fit the images, how far they spread."""

from __future__ import annotations

import numpy as np

from foundation_stereo_ros.estimate.video.pose_check import SmallView, fit_of_video, small_grey, verdict
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import is_known
from foundation_stereo_ros.shapes import Matrix, RgbImage

_ENOUGH = 15  # keyframes


class FirstKeyframes:
    """Compares the first keyframes of a video, when enough have come.

    Args:
        nearest, farthest: depths that the network can give, metres.
    """

    def __init__(self, nearest: float, farthest: float) -> None:
        self._limits = nearest, farthest
        self._views: list[SmallView] = []
        self._poses: list[Matrix] = []
        self._judged = False

    def add(self, image: RgbImage, camera: Camera, pose: Matrix) -> str:
        """Take a keyframe; return what `judge` says once enough have come, otherwise nothing."""
        if self._judged:
            return ""
        self._views.append(small_grey(image, camera))
        self._poses.append(pose)
        return self.judge() if len(self._views) == _ENOUGH else ""

    def judge(self) -> str:
        """Say what is odd about the poses, in a sentence, but once; empty: nothing."""
        if self._judged:
            return ""
        self._judged = True
        said = verdict(fit_of_video(self._poses, self._views.__getitem__), *self._limits)
        self._views.clear()
        return said


class PoseSpread:
    """How far apart the poses of a video lie."""

    def __init__(self) -> None:
        self._low, self._high = np.full(3, np.inf), np.full(3, -np.inf)

    def add(self, pose: Matrix) -> None:
        """Take the next pose; unknown ones do not count."""
        if is_known(pose):
            self._low = np.minimum(self._low, pose[:3, 3])
            self._high = np.maximum(self._high, pose[:3, 3])

    def advice(self) -> str:
        """Say why a whole video gave no depth."""
        extent = float(np.linalg.norm(self._high - self._low))
        if not np.isfinite(extent):
            return "no frame has a pose"
        if extent < 0.05:
            return (
                f"the camera does not move: its poses lie within {1000 * extent:.1f} mm; expected metres "
                "(are these another unit?)"
            )
        return f"no frame became a keyframe, though the poses spread over {extent:.2f} m"
