# SPDX-License-Identifier: Apache-2.0
"""What a worker does with a set of images, for each kind of estimator."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, Protocol, TypeVar

from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.geometry.poses import in_optical_axes
from foundation_stereo_ros.ros.live.config import VideoLiveConfig
from foundation_stereo_ros.ros.live.repeats import Repeats
from foundation_stereo_ros.ros.live.statistics import LiveStatistics
from foundation_stereo_ros.ros.live.video_intake import PosedSet
from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline
from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet
from foundation_stereo_ros.shapes import Matrix

_log = logging.getLogger(__name__)

S = TypeVar("S", bound=MessageSet[Any], contravariant=True)


class Steps(Protocol[S]):
    """Called from the worker's thread, for each set in its order.

    Attributes:
        what: a set is called.
    """

    what: str

    def forget(self, reason: str) -> None:
        """Forget earlier sets, because of something that happened to the stamps or the calibration."""

    def skip(self, images: S) -> None:
        """Take note of a set that is not to be computed."""

    def process(self, images: S) -> Prediction | None:
        """Compute a set; None where it gets no result."""


class StereoSteps:
    """Of pairs.

    Args:
        pipeline: computes.
    """

    what = "pair"

    def __init__(self, pipeline: StereoPipeline) -> None:
        self._pipeline = pipeline

    def forget(self, reason: str) -> None:
        """Forget the last disparity."""
        self._pipeline.reset()

    def skip(self, images: MessageSet[Any]) -> None:
        """Nothing: pairs do not depend on each other."""

    def process(self, images: MessageSet[Any]) -> Prediction | None:
        """Compute a pair."""
        left, right = (images.messages[side] for side in ("left", "right"))
        left_info, right_info = (images.calibrations[side] for side in ("left", "right"))
        return self._pipeline.process(left, right, left_info, right_info)


class VideoSteps:
    """Of images with poses: the poses of all of them count, also of those for which there is no time.

    Args:
        pipeline: computes.
        config: axes and unit of the poses.
        statistics: is told when everything is forgotten.
    """

    what = "image"

    def __init__(self, pipeline: VideoPipeline, config: VideoLiveConfig, statistics: LiveStatistics) -> None:
        self._pipeline, self._config, self._statistics = pipeline, config, statistics
        self._repeats = Repeats(pace=1.0)

    def forget(self, reason: str) -> None:
        """Forget the keyframes."""
        self._pipeline.reset()
        self._pipeline.judge_anew()
        self._tell(f"{reason}: earlier frames are forgotten")

    def skip(self, images: PosedSet) -> None:
        """Take note of the poses."""
        for pose in (*images.passed, images.pose):
            self._pass_over(pose)

    def process(self, images: PosedSet) -> Prediction | None:
        """Compute an image; None where it is no keyframe."""
        for pose in images.passed:
            self._pass_over(pose)
        info = images.calibrations["image"]
        result = self._pipeline.process(images.messages["image"], info, self._placed(images.pose))
        self._tell(self._pipeline.event)
        if result is None:
            self._statistics.note_without_result()
            return None
        self._say(result.note)
        return dataclasses.replace(result, seconds={"pose": images.waited, **result.seconds})

    def _pass_over(self, pose: Matrix) -> None:
        self._pipeline.pass_over(self._placed(pose))
        self._tell(self._pipeline.event)

    def _placed(self, pose: Matrix) -> Matrix:
        return in_optical_axes(pose, self._config.pose_axes, self._config.pose_scale)

    def _tell(self, event: str) -> None:
        if event:
            self._statistics.note_reset(event)
            self._say(event)

    def _say(self, sentence: str) -> None:
        if sentence and (line := self._repeats.line(sentence)):
            _log.warning("%s", line)
