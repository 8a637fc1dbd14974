# SPDX-License-Identifier: Apache-2.0
"""The loop of an evaluation of posed video: the network, and plain methods on the same keyframes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from foundation_stereo_ros.errors import CalibrationError, FileFormatError
from foundation_stereo_ros.estimate.video.estimator import VideoEstimator
from foundation_stereo_ros.estimate.video.folder import VideoJob, VideoResult
from foundation_stereo_ros.estimate.video.keyframes import Decision, KeyframeBuffer, KeyframeConfig
from foundation_stereo_ros.evaluate.depth_metrics import DepthErrors, depth_errors
from foundation_stereo_ros.evaluate.job import Failure
from foundation_stereo_ros.evaluate.plain_video import PLAIN, SIZE, VIEWS, Grey, shrunk
from foundation_stereo_ros.shapes import DepthMap, RgbImage

NETWORK = "network"
METHODS = (NETWORK, *PLAIN)


class FrameScore(NamedTuple):
    """Of all methods on one keyframe.

    Attributes:
        video, name: which one.
        errors: method -> how wrong it is.
        seconds: method -> how long it took, features included.
    """

    video: str
    name: str
    errors: Mapping[str, DepthErrors]
    seconds: Mapping[str, float]


class EvaluatedFrame(NamedTuple):
    """One keyframe, its truth (metres, NaN where unknown), what each method says, and how wrong it is."""

    image: RgbImage
    truth: DepthMap
    depths: Mapping[str, DepthMap]
    score: FrameScore


class VideoEvaluation:
    """Collects scores over videos; a frame that cannot be read is noted and left out.

    Args:
        estimator: the network.
        every: only every n-th keyframe counts; the others are computed nevertheless: later ones need them.
        most: farther truth is not compared, metres.

    Attributes:
        results, failed: so far.
        keyframes: video -> how many it had so far.
        interrupted: set by whoever breaks the loop.
    """

    def __init__(self, estimator: VideoEstimator, every: int = 1, most: float = math.inf) -> None:
        self.estimator = estimator
        self.every = every
        self.most = most
        self.results: list[FrameScore] = []
        self.failed: list[Failure] = []
        self.keyframes: dict[str, int] = {}
        self.interrupted = False

    def evaluate(self, video: str, job: VideoJob) -> Iterator[EvaluatedFrame | None]:
        """Process a video, and yield for each of its frames what came of it: None where nothing was compared.

        Args:
            video: what it is called.
            job: of this evaluation's estimator.

        Raises:
            CalibrationError: the calibration has distortion, which the true depth is not freed of.
            FoundationStereoError: see `VideoJob.run`.
        """
        config = self.estimator.config
        self.estimator.warm_up(*config.network_size)  # the first frame's time is measured, too
        kept = KeyframeConfig(size=config.keyframes, optimal_translation=config.optimal_translation)
        buffer: KeyframeBuffer[Grey] = KeyframeBuffer(kept)
        self.keyframes[video] = 0
        for result in job.run():
            done = None
            try:
                done = self._evaluate(video, job, buffer, result)
            except FileFormatError as error:
                self.failed.append(Failure(f"{video}/{result.frame.name}", str(error)))
            if done:
                self.results.append(done.score)
            yield done

    def _evaluate(
        self, video: str, job: VideoJob, buffer: KeyframeBuffer[Grey], result: VideoResult
    ) -> EvaluatedFrame | None:
        sample, prediction = result.sample, result.prediction
        if sample is None:
            self.failed.extend(Failure(f"{video}/{result.frame.name}", said) for said in result.events)
            return None
        if self.estimator.event:
            buffer.clear()
        if self.estimator.decision not in (Decision.FIRST, Decision.KEYFRAME):
            return None
        scale = self.estimator.config.range_scale
        pose = np.array(sample.pose, np.float64)
        pose[:3, 3] /= scale
        grey, views = shrunk(sample.image), buffer.views(pose, VIEWS)
        buffer.add(pose, grey)
        self.keyframes[video] += 1
        if prediction is None or self.keyframes[video] % self.every:
            return None
        truth = job.video.depth(result.frame)
        if truth is None:
            return None
        if job.undistorts:
            raise CalibrationError("true depth is that of the images as they are; expected no distortion")
        depths, seconds = {NETWORK: prediction.depth}, {NETWORK: sum(prediction.seconds.values())}
        for name, method in PLAIN.items():
            began = time.perf_counter()
            depths[name] = method(grey, pose, views, sample.camera.scaled(*SIZE)) * np.float32(scale)
            seconds[name] = time.perf_counter() - began
        errors = {name: depth_errors(depth, truth, self.most) for name, depth in depths.items()}
        score = FrameScore(video, result.frame.name, errors, seconds)
        return EvaluatedFrame(sample.image, truth, depths, score)
