# SPDX-License-Identifier: Apache-2.0
"""Messages of one camera and its poses in, result messages out."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.stopwatch import Stopwatch
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.estimate.video.keyframes import Decision
from foundation_stereo_ros.estimate.video.running_check import FirstKeyframes
from foundation_stereo_ros.estimate.video.undistortion import Undistortion
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.io.calibration import read_camera
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info
from foundation_stereo_ros.ros.messages.images import decode_image
from foundation_stereo_ros.ros.messages.pipeline import Pipeline, numbers_of
from foundation_stereo_ros.shapes import Matrix, RgbImage

_log = logging.getLogger(__name__)


class VideoPipeline(Pipeline[PosedImage]):
    """Runs the image messages of one camera, with their CameraInfo and poses, through an estimator.

    Args:
        estimator: of posed video.
        rectified: the images are rectified already, by R and P of the CameraInfo.
        decode: as for `Pipeline`.
        calibration: file that counts in place of the CameraInfo messages, see `io.calibration.read_camera`.
        camera_name: of the camera in that file; empty: the first one.

    Attributes:
        doubt: what is odd about the poses, by the images of the first keyframes, a sentence; empty: nothing.
    """

    def __init__(
        self,
        estimator: VideoEstimator,
        rectified: bool = False,
        decode: Callable[[Any, BitDepth], RgbImage] = decode_image,
        calibration: Path | None = None,
        camera_name: str = "",
    ) -> None:
        super().__init__(estimator, decode)
        self._video = estimator
        self._first = FirstKeyframes(*estimator.reach)
        self.doubt = ""
        self._rectified, self._calibration, self._camera_name = rectified, calibration, camera_name
        self._undistortion: Undistortion | None = None
        self._undistortion_of: tuple[Any, ...] = ()

    @property
    def event(self) -> str:
        """Why everything was forgotten at the last frame, a sentence; empty: it was not."""
        return self._video.event

    @property
    def oddities(self) -> tuple[str, ...]:
        """`doubt`, where there is one; from any thread."""
        doubt = self.doubt
        return (doubt,) if doubt else ()

    def pass_over(self, pose: Matrix) -> None:
        """Take note of an image that is not computed by its pose alone, see `VideoEstimator.pass_over`."""
        self._video.pass_over(self._turned(pose))

    def judge_anew(self) -> None:
        """Forget `doubt`, and judge the poses by the next keyframes."""
        self.doubt = ""
        self._first = FirstKeyframes(*self._video.reach)

    def judge_poses(self) -> str:
        """Return `doubt`, also where there were too few keyframes to be sure."""
        self.doubt = self.doubt or self._first.judge()
        return self.doubt

    def process(self, image: Any, info: Any, pose: Matrix) -> Prediction | None:
        """Decode an image, take its distortion off, and give it to the estimator.

        Args:
            image: sensor_msgs Image or CompressedImage, of ROS or of a bag reader.
            info: sensor_msgs CameraInfo; not read where there is a calibration file.
            pose: 4 x 4, from the camera's optical frame to a fixed frame, metres; NaN where it is not known.

        Returns:
            The prediction; None where this frame gets none.

        Raises:
            ImageError: an unknown encoding, or a size that does not fit.
            CalibrationError: the calibration is none of such images.
            FileFormatError: the calibration file cannot be read.
            PoseError: the pose is no rotation and translation.
            DeviceMemoryError: the device has too little memory.
        """
        watch = Stopwatch()
        picture = self._decode(image, self._depth)
        watch.lap("decode")
        undistorted = self._undistortion_for(info, (picture.shape[1], picture.shape[0]))
        sample = PosedImage(undistorted(picture), undistorted.camera, self._turned(pose))
        watch.lap("undistort")
        prediction = self.estimator.step(sample)
        if self._video.decision in (Decision.FIRST, Decision.KEYFRAME):
            self.doubt = self.doubt or self._first.add(*sample)
        if prediction is None:
            return None
        return dataclasses.replace(prediction, seconds={**watch.seconds, **prediction.seconds})

    def _turned(self, pose: Matrix) -> Matrix:
        """Return the pose of the axes that the images have."""
        axes = self._undistortion.axes if self._undistortion else None
        return pose if axes is None else pose @ axes

    def _undistortion_for(self, info: Any, size: tuple[int, int]) -> Undistortion:
        # Remap tables are dear and calibrations rarely change: made again only when a number does.
        if self._calibration is not None:
            key: tuple[Any, ...] = (size,)
            make = partial(self._read, self._calibration, size)
        else:
            calibration = decode_camera_info(info)
            key = (size, numbers_of(calibration))
            make = partial(Undistortion, calibration, size, self._rectified)
        if self._undistortion is None or key != self._undistortion_of:
            self._undistortion, self._undistortion_of = make(), key
        return self._undistortion

    def _read(self, file: Path, size: tuple[int, int]) -> Undistortion:
        found = read_camera(file, size, self._camera_name)
        if found.note:
            _log.warning("%s", found.note)
        return Undistortion(found.calibration, size)
