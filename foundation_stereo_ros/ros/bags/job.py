# SPDX-License-Identifier: Apache-2.0
"""Runs the pipeline over the stereo pairs of a recording."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from foundation_stereo_ros.errors import BagError, counted
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.ros.bags.job_options import JobOptions
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.recording_job import Logged, Pipeline, RecordingJob
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.stereo_topics import StereoTopics
from foundation_stereo_ros.ros.sync import SIDES
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet


class PairPipeline(Pipeline, Protocol):
    """What a job over stereo pairs needs of `messages.pipeline.StereoPipeline`."""

    def process(
        self, left_image: Any, right_image: Any, left_info: Any, right_info: Any
    ) -> Prediction | None:
        """Estimate one pair; None where there is no prediction yet."""


class BagJob(RecordingJob):
    """One run over a recording of a stereo pair.

    Args:
        recording: read as a stream, once.
        topics: the stereo pair in it; without camera_info, the pipeline must know the cameras.
        pipeline: makes results and messages of them.
        writer: gets the messages.
        options: see `JobOptions`.
        shield, on_frame: see `RecordingJob`.
    """

    def __init__(
        self,
        recording: Recording,
        topics: StereoTopics,
        pipeline: PairPipeline,
        writer: BagWriter,
        options: JobOptions,
        *,
        shield: Callable[[], AbstractContextManager[None]] = nullcontext,
        on_frame: Callable[[int, Prediction], None] = lambda number, result: None,
    ) -> None:
        super().__init__(recording, topics, pipeline, writer, options, shield=shield, on_frame=on_frame)
        self._pairs, self._topics = pipeline, topics

    def _predict(self, frame: MessageSet[Logged]) -> Prediction | None:
        left, right = (frame.messages[side].message for side in SIDES)
        infos = {side: info.message for side, info in frame.calibrations.items()}
        return self._pairs.process(left, right, infos.get("left"), infos.get("right"))

    def _why_nothing(self) -> BagError:
        report, topics, damage = self.report, self._topics, self._recording.damage
        before = f"{damage}; before that, " if damage else ""
        if report.rejected:
            return BagError(
                f"{before}none of {counted(report.rejected, 'frame')} could be processed; "
                f"the last one: {report.reason}"
            )
        for side, topic in (("left", topics.left), ("right", topics.right)):
            if not report.images[side]:
                return BagError(f"{before}no images on {topic} in this part")
        nearest = self._synchronizer.nearest_ns
        hint = f"; the nearest stamps are {nearest / 1e9:.6f} s apart" if nearest else ""
        counts = (
            f"{counted(report.images['left'], 'image')} on {topics.left} and {report.images['right']} on "
            f"{topics.right}"
        )
        remedy = "tolerance" if nearest else ()
        return BagError(f"{before}no pair with the same stamp among {counts}{hint}", remedy=remedy)
