# SPDX-License-Identifier: Apache-2.0
"""Intake, worker, statistics and status joined: all that ``ros.node`` and ``ros.dds`` need."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Generic, TypeVar

from foundation_stereo_ros.estimate.interface import Engine
from foundation_stereo_ros.ros.live.advice import TopicFacts, frameless, why_no_output
from foundation_stereo_ros.ros.live.config import LiveConfig, StereoLiveConfig, VideoLiveConfig
from foundation_stereo_ros.ros.live.counts import IntakeCounts
from foundation_stereo_ros.ros.live.demand import Outlet
from foundation_stereo_ros.ros.live.intake import Intake, StereoIntake
from foundation_stereo_ros.ros.live.repeats import Repeats
from foundation_stereo_ros.ros.live.statistics import LiveStatistics, StatisticsSnapshot
from foundation_stereo_ros.ros.live.status import OK, WARN, Status, status_of
from foundation_stereo_ros.ros.live.steps import Steps, StereoSteps, VideoSteps
from foundation_stereo_ros.ros.live.video_intake import VideoIntake
from foundation_stereo_ros.ros.live.worker import Worker
from foundation_stereo_ros.ros.messages.pipeline import Pipeline, StereoPipeline
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline

_log = logging.getLogger(__name__)

_PATIENCE_S = 3.0
"""How long nothing may come out before it is said why."""

T = TypeVar("T", bound=Intake[Any], covariant=True)


class Live(Generic[T]):
    """A pipeline without its transport: push messages into ``intake``, start ``worker``, offer an outlet.

    Made by `live_stereo` and `live_video`.

    Args:
        pipeline: makes results and messages; nothing else may use it while this runs.
        intake: takes the messages.
        steps: what is done with a set of images.
        config: settings.
        types: message classes to build.
        outlet: publishers, and who subscribes.
        statistics: of the worker.
        clock_ns: the clock that the images' stamps are from, nanoseconds.

    Attributes:
        intake: takes messages, from any thread.
        worker: computes in its thread; starts, stops, saves, and takes other settings.
        statistics: counts and times of the worker.
    """

    def __init__(
        self,
        pipeline: Pipeline[Any],
        intake: T,
        steps: Steps[Any],
        config: LiveConfig,
        types: MessageTypes,
        outlet: Outlet,
        statistics: LiveStatistics,
        clock_ns: Callable[[], int],
    ) -> None:
        self.intake, self.statistics = intake, statistics
        self.worker: Worker[Any] = Worker(
            pipeline, steps, intake, outlet, types, config, statistics, clock_ns
        )
        self._pipeline, self._outlet = pipeline, outlet
        self._lock = Lock()
        # Each sentence once; again only after all was well.
        self._said = Repeats(period=math.inf)
        self._frames = Repeats(period=math.inf)

    @property
    def confidence(self) -> bool:
        """Whether confidence is computed."""
        return self._pipeline.config.confidence

    def engine(self) -> Engine:
        """Tell what computes."""
        return self._pipeline.estimator.engine()

    def status(self, facts: Mapping[str, TopicFacts] | None = None) -> Status:
        """Tell how it goes; made to be called once a second, from any thread.

        Logs each sentence of advice too, once until all is well again, so that the caller need not.

        Args:
            facts: what the node knows about the inputs' topics, see `advice.why_no_output`.
        """
        state, counts, statistics = self.worker.state, self.intake.counts(), self.statistics.snapshot()
        advice: tuple[str, ...] = ()
        if state in ("waiting", "running") and statistics.result_age > _PATIENCE_S:
            advice = why_no_output(facts or {}, counts, tolerance_ns=self.intake.tolerance_ns)
        self._log(advice)
        subscribed = self._outlet.wanted() if state != "stopped" else ()
        status = status_of(
            state,
            counts,
            statistics,
            subscribed=subscribed,
            advice=advice,
            oddities=self._pipeline.oddities,
            engine=self.engine(),
            still=_still(counts, statistics) if not advice else "",
        )
        return self._with_frame(status, frameless(counts, facts or {})) if state == "running" else status

    def _with_frame(self, status: Status, sentence: str) -> Status:
        if sentence and status.level == OK:
            with self._lock:
                due = self._frames.due(sentence)
            if due:
                _log.warning("%s", sentence)
            return status._replace(level=WARN, message=f"{status.message}; {sentence}")
        return status

    def _log(self, advice: Sequence[str]) -> None:
        with self._lock:
            if not advice:
                self._said.forget()
            for sentence in advice:
                if self._said.due(sentence):
                    _log.warning("no output: %s", sentence)


def _still(counts: IntakeCounts, statistics: StatisticsSnapshot) -> str:
    """Say that a camera does not move, which is no fault; empty: it does, or it is not known."""
    poses = counts.poses
    if poses is None or poses.age is None or not statistics.without_result:
        return ""
    if poses.age > _PATIENCE_S or statistics.result_age < _PATIENCE_S:
        return ""
    return (
        f"the camera has not moved enough for a new keyframe for {statistics.result_age:.0f} s; with the "
        "parameter every_frame, other images get a depth too"
    )


def live_stereo(
    pipeline: StereoPipeline,
    config: StereoLiveConfig,
    types: MessageTypes,
    outlet: Outlet,
    clock_ns: Callable[[], int],
) -> Live[StereoIntake]:
    """Return the live pipeline of a stereo pair; the arguments are those of `Live`."""
    steps = StereoSteps(pipeline)
    return Live(pipeline, StereoIntake(config), steps, config, types, outlet, LiveStatistics(), clock_ns)


def live_video(
    pipeline: VideoPipeline,
    config: VideoLiveConfig,
    types: MessageTypes,
    outlet: Outlet,
    clock_ns: Callable[[], int],
) -> Live[VideoIntake]:
    """Return the live pipeline of one camera that moves; the arguments are those of `Live`."""
    statistics = LiveStatistics()
    steps = VideoSteps(pipeline, config, statistics)
    return Live(pipeline, VideoIntake(config), steps, config, types, outlet, statistics, clock_ns)
