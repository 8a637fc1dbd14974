# SPDX-License-Identifier: Apache-2.0
"""The loop over a folder with a posed video: each frame goes to the estimator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from foundation_stereo_ros.datasets.posed_video import PosedFrame, PosedVideo
from foundation_stereo_ros.errors import FileFormatError, ImageError, PoseError
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.estimate.video.pose_check import (
    SmallView,
    best_convention,
    fit_of_video,
    small_grey,
    verdict,
)
from foundation_stereo_ros.estimate.video.running_check import PoseSpread
from foundation_stereo_ros.estimate.video.undistortion import Undistortion
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import AXES, in_optical_axes, is_known
from foundation_stereo_ros.io.calibration import read_camera
from foundation_stereo_ros.shapes import Matrix, RgbImage


class VideoResult(NamedTuple):
    """What became of a frame.

    Attributes:
        frame: the frame.
        pose: 4 x 4, from the camera's optical frame to the fixed frame, metres.
        prediction: its depth; None where it has none.
        events: what there is to say about it, in sentences.
        sample: what the estimator got; None where the frame was left out.
    """

    frame: PosedFrame
    pose: Matrix
    prediction: Prediction | None
    events: tuple[str, ...]
    sample: PosedImage | None = None


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
        camera_name: of the camera in that file; empty: the first one.
        report: grows while it runs.
    """

    video: PosedVideo
    estimator: VideoEstimator
    axes: str = ""
    metres: float = 1.0
    intrinsics: Path | None = None
    camera_name: str = ""
    report: VideoReport = field(default_factory=VideoReport)
    _undistorted: Undistortion | None = field(default=None, init=False)
    _note: str = field(default="", init=False)

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
        fit = fit_of_video(poses, self._small_view)
        said = verdict(fit, *self.estimator.reach)
        best = best_convention(fit)
        if not self.axes and best in AXES:
            self.axes = best
            said += "; they are taken as that"
        return said

    def _small_view(self, place: int) -> SmallView | None:
        try:
            return small_grey(*self._view(self.video.frames[place]))
        except (FileFormatError, ImageError) as error:
            if error.remedies:
                raise  # it is about the folder, not about this frame
            return None

    def _view(self, frame: PosedFrame) -> tuple[RgbImage, Camera]:
        image = self.video.image(frame)
        if self.intrinsics is None:
            return image, self.video.camera(image)
        if self._undistorted is None:
            self._undistorted = self._calibrated(self.intrinsics, (image.shape[1], image.shape[0]))
        return self._undistorted(image), self._undistorted.camera

    def _calibrated(self, file: Path, size: tuple[int, int]) -> Undistortion:
        try:
            found = read_camera(file, size, self.camera_name)
        except FileFormatError as error:
            # It is about all frames.
            raise FileFormatError(str(error), remedy=error.remedies or "intrinsics") from None
        self._note = found.note
        return Undistortion(found.calibration, size)

    @property
    def undistorts(self) -> bool:
        """Whether the images so far had distortion that was taken off."""
        return self._undistorted is not None and self._undistorted.bends

    def catch_up(self, report: VideoReport, memory: Sequence[Tensor]) -> None:
        """Take the frames that an interrupted run had done, without their depth; `run` goes on after them.

        Args:
            report: of that run at a keyframe.
            memory: of its estimator then, see `VideoEstimator.memory`.

        Raises:
            FoundationStereoError: as `run`.
        """
        self.estimator.catch_up(self._samples(report.frames), memory)
        self.report = report

    def _samples(self, number: int) -> Iterator[PosedImage]:
        for frame in self.video.frames[:number]:
            with suppress(FileFormatError, ImageError, PoseError):  # which was told then
                yield PosedImage(*self._view(frame), self.pose_of(frame))

    def run(self) -> Iterator[VideoResult]:
        """Process frame after frame.

        A frame that cannot be read, or whose pose is none, is left out and counted.

        Raises:
            CalibrationError: the intrinsics are none of a camera.
            FileFormatError: there are no intrinsics.
            ConfigError: unknown axes.
            DeviceMemoryError: the device has too little memory.
        """
        for frame in self.video.frames[self.report.frames :]:
            self.report.frames += 1
            pose = self.pose_of(frame)
            try:
                sample = PosedImage(*self._view(frame), pose)
                prediction = self.estimator.step(sample)
            except (FileFormatError, ImageError, PoseError) as error:
                if error.remedies:
                    raise  # it is about the folder, not about this frame
                self.report.refused[str(error)] += 1
                yield VideoResult(frame, pose, None, (f"{frame.name}: {error}; left out",))
                continue
            note, self._note = self._note, ""
            event = self.estimator.event
            self.report.resets += bool(event)
            self.report.without_pose += not is_known(pose)
            self.report.predictions += prediction is not None
            guess = prediction.note if prediction else ""
            events = tuple(f"{frame.name}: {x}" for x in (event, guess) if x)
            events = (note, *events) if note else events
            yield VideoResult(frame, pose, prediction, events, sample)


def keyframe_advice(job: VideoJob) -> str:
    """Say why a whole video gave no depth, from its poses."""
    spread = PoseSpread()
    for frame in job.video.frames:
        spread.add(job.pose_of(frame))
    return spread.advice()
