# SPDX-License-Identifier: Apache-2.0
"""Intake, worker, statistics and status joined: all that ``ros.node`` and ``ros.dds`` need."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from foundation_stereo_ros.ros.live.advice import TopicFacts, frameless, why_no_output
from foundation_stereo_ros.ros.live.config import LiveConfig
from foundation_stereo_ros.ros.live.demand import Outlet
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.live.repeats import Repeats
from foundation_stereo_ros.ros.live.statistics import LiveStatistics
from foundation_stereo_ros.ros.live.status import OK, WARN, Status, status_of
from foundation_stereo_ros.ros.live.worker import StereoWorker
from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline
from foundation_stereo_ros.ros.messages.types import MessageTypes

_log = logging.getLogger(__name__)

_PATIENCE_S = 3.0
"""How long nothing may come out before it is said why."""


class LiveStereo:
    """Live stereo without its transport: push messages into ``intake``, start ``worker``, offer an outlet.

    Args:
        pipeline: makes results and messages; nothing else may use it while this runs.
        config: settings.
        types: message classes to build.
        outlet: publishers, and who subscribes.
        clock_ns: the clock that the images' stamps are from, nanoseconds.

    Attributes:
        intake: takes messages, from any thread.
        worker: computes in its thread; starts, stops, saves, and takes other settings.
        statistics: counts and times of the worker.
    """

    def __init__(
        self,
        pipeline: StereoPipeline,
        config: LiveConfig,
        types: MessageTypes,
        outlet: Outlet,
        clock_ns: Callable[[], int],
    ) -> None:
        self.intake = StereoIntake(config)
        self.statistics = LiveStatistics()
        self.worker = StereoWorker(pipeline, self.intake, outlet, types, config, self.statistics, clock_ns)
        self._pipeline, self._outlet = pipeline, outlet
        self._lock = Lock()
        # Each sentence once; again only after all was well.
        self._said = Repeats(period=math.inf)
        self._frames = Repeats(period=math.inf)

    def status(self, facts: Mapping[str, TopicFacts] | None = None) -> Status:
        """Tell how it goes; made to be called once a second, from any thread.

        Logs each sentence of advice too, once until all is well again, so that the caller need not.

        Args:
            facts: what the node knows about the inputs' topics, see `advice.why_no_output`.
        """
        state, counts, statistics = self.worker.state, self.intake.counts(), self.statistics.snapshot()
        advice: tuple[str, ...] = ()
        if state in ("waiting", "running") and statistics.result_age > _PATIENCE_S:
            advice = why_no_output(facts or {}, counts, tolerance_ns=self.worker.config.tolerance_ns)
        self._log(advice)
        subscribed = self._outlet.wanted() if state != "stopped" else ()
        status = status_of(
            state,
            counts,
            statistics,
            subscribed=subscribed,
            advice=advice,
            oddities=self._pipeline.oddities,
            engine=self._pipeline.estimator.engine(),
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
