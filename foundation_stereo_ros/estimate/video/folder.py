# SPDX-License-Identifier: Apache-2.0
"""The loop over a folder with a posed video: each frame goes to the estimator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from foundation_stereo_ros.datasets.posed_video import PosedFrame, PosedVideo
from foundation_stereo_ros.errors import FileFormatError, ImageError, PoseError
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.estimate.video.pose_check import (
    PoseFit,
    best_convention,
    choose_pairs,
    clearness,
    pose_fit,
    small_grey,
    verdict,
)
from foundation_stereo_ros.estimate.video.undistortion import Undistortion, read_one_camera
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import AXES, in_optical_axes, is_known
from foundation_stereo_ros.shapes import Matrix, RgbImage


class VideoResult(NamedTuple):
    """What became of a frame.

    Attributes:
        frame: the frame.
        pose: 4 x 4, from the camera's optical frame to the fixed frame, metres.
        prediction: its depth; None where it has none.
        events: what there is to say about it, in sentences.
    """

    frame: PosedFrame
    pose: Matrix
    prediction: Prediction | None
    events: tuple[str, ...]


@dataclass
class VideoReport:
    """What became of the frames.

    Attributes:
        frames: read.
        predictions: made.
        without_pose: frames.
        refused: sentence -> frames that were left out because of it.
        resets: how often everything was forgotten.
    """

    frames: int = 0
    predictions: int = 0
    without_pose: int = 0
    resets: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(eq=False)
class VideoJob:
    """A folder to be processed.

    Attributes:
        video: its frames.
        estimator: takes them.
        axes: of the camera in the poses, as `geometry.poses.AXES` names them; empty: the layout's,
            or what `check_poses` finds.
        metres: length of the unit of the poses' translations.
        intrinsics: calibration file in place of the layout's intrinsics; None: those.
        report: grows while it runs.
    """

    video: PosedVideo
    estimator: VideoEstimator
    axes: str = ""
    metres: float = 1.0
    intrinsics: Path | None = None
    report: VideoReport = field(default_factory=VideoReport)
    _undistorted: Undistortion | None = field(default=None, init=False)

    def pose_of(self, frame: PosedFrame) -> Matrix:
        """Return a frame's pose in metres, from optical axes to the fixed frame."""
        return in_optical_axes(frame.pose, self.axes or self.video.axes, self.metres)

    def check_poses(self) -> str:
        """Compare a few images under the poses as given and as they might be meant.

        Without ``axes``, those that clearly fit better are used from now on.

        Returns:
            What there is to say about the poses, in a sentence; empty: nothing.

        Raises:
            FileFormatError: there are no intrinsics.
            CalibrationError: the intrinsics are none of a camera.
        """
        poses = [self.pose_of(frame) for frame in self.video.frames]
        # Frames may follow each other closely, or hardly overlap: whichever pairs tell more.
        fit = max((self._fit(poses, steps) for steps in (4, 1)), key=clearness)
        scale = self.estimator.config.range_scale
        said = verdict(fit, self.estimator.nearest * scale, self.estimator.farthest * scale)
        best = best_convention(fit)
        if not self.axes and best in AXES:
            self.axes = best
            said += "; they are taken as that"
        return said

    def _fit(self, poses: Sequence[Matrix], steps: float) -> PoseFit:
        pairs = []
        for places in choose_pairs(poses, steps):
            try:
                views = [small_grey(*self._view(self.video.frames[place])) for place in places]
            except (FileFormatError, ImageError) as error:
                if error.remedies:
                    raise  # it is about the folder, not about these frames
                continue
            pairs.append(((views[0], poses[places[0]]), (views[1], poses[places[1]])))
        return pose_fit(pairs)

    def _view(self, frame: PosedFrame) -> tuple[RgbImage, Camera]:
        image = self.video.image(frame)
        if self.intrinsics is None:
            return image, self.video.camera(image)
        if self._undistorted is None:
            self._undistorted = read_one_camera(self.intrinsics, (image.shape[1], image.shape[0]))
        return self._undistorted(image), self._undistorted.camera

    def run(self) -> Iterator[VideoResult]:
        """Process frame after frame.

        A frame that cannot be read, or whose pose is none, is left out and counted.

        Raises:
            CalibrationError: the intrinsics are none of a camera.
            FileFormatError: there are no intrinsics.
            ConfigError: unknown axes.
            DeviceMemoryError: the device has too little memory.
        """
        for frame in self.video.frames:
            self.report.frames += 1
            pose = self.pose_of(frame)
            try:
                prediction = self.estimator.step(PosedImage(*self._view(frame), pose))
            except (FileFormatError, ImageError, PoseError) as error:
                if error.remedies:
                    raise  # it is about the folder, not about this frame
                self.report.refused[str(error)] += 1
                yield VideoResult(frame, pose, None, (f"{frame.name}: {error}; left out",))
                continue
            event = self.estimator.event
            self.report.resets += bool(event)
            self.report.without_pose += not is_known(pose)
            self.report.predictions += prediction is not None
            note = prediction.note if prediction else ""
            yield VideoResult(
                frame, pose, prediction, tuple(f"{frame.name}: {x}" for x in (event, note) if x)
            )


def keyframe_advice(job: VideoJob) -> str:
    """Say why a whole video gave no depth, from its poses."""
    poses = [job.pose_of(frame) for frame in job.video.frames]
    known = np.array([pose[:3, 3] for pose in poses if is_known(pose)])
    if not len(known):
        return "no frame has a pose"
    extent = float(np.linalg.norm(known.max(axis=0) - known.min(axis=0)))
    if extent < 0.05:
        return (
            f"the camera does not move: its poses lie within {1000 * extent:.1f} mm; expected metres "
            "(are these another unit?)"
        )
    return f"no frame became a keyframe, though the poses spread over {extent:.2f} m"
