# SPDX-License-Identifier: Apache-2.0
"""Intake, worker, statistics and status joined: all that a shell such as ``node`` needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

from foundation_stereo_ros.live.advice import TopicFacts
from foundation_stereo_ros.live.config import LiveConfig
from foundation_stereo_ros.live.intake import StereoIntake
from foundation_stereo_ros.live.outlet import Outlet
from foundation_stereo_ros.live.statistics import LiveStatistics
from foundation_stereo_ros.live.status import Status
from foundation_stereo_ros.live.worker import StereoWorker
from foundation_stereo_ros.messages.types import MessageTypes
from foundation_stereo_ros.pipeline.config import PipelineConfig
from foundation_stereo_ros.pipeline.messages_pipeline import StereoPipeline


class LiveStereo:
    """Live stereo without its transport: a shell pushes messages into ``intake`` and offers an outlet.

    Args:
        pipeline: makes results and messages; nothing else may use it while this runs.
        config: settings.
        types: message classes to build.
        outlet: publishers, and who subscribes.
        clock_ns: the clock that the images' stamps are from, nanoseconds.

    Attributes:
        intake: takes messages, from any thread.
        worker: computes in its thread.
        statistics: counts and times of the worker.
        config: the settings in use; see `reconfigure`.
    """

    intake: StereoIntake
    worker: StereoWorker
    statistics: LiveStatistics
    config: LiveConfig

    def __init__(
        self,
        pipeline: StereoPipeline,
        config: LiveConfig,
        types: MessageTypes,
        outlet: Outlet,
        clock_ns: Callable[[], int],
    ) -> None:
        raise NotImplementedError

    @property
    def enabled(self) -> bool:
        """Whether pairs are computed; may be set."""
        raise NotImplementedError

    @enabled.setter
    def enabled(self, value: bool) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Take pairs; the network goes to its device and warms up off this thread."""
        raise NotImplementedError

    def stop(self, timeout: float = 2.0) -> bool:
        """Take and publish nothing more; the network leaves its device. `start` may follow.

        Returns:
            False where the worker is still inside the network after ``timeout`` seconds. It ends after that.
        """
        raise NotImplementedError

    def reconfigure(
        self, pipeline_config: PipelineConfig | None = None, live_config: LiveConfig | None = None
    ) -> None:
        """Use other settings from the next pair on.

        Raises:
            ConfigError: a setting differs that cannot change while running, or one that cannot work here;
                nothing is changed then.
        """
        raise NotImplementedError

    def save_next(self) -> Future[list[Path]]:
        """Write the next result to a folder of its own, see `StereoWorker.save_next`."""
        raise NotImplementedError

    def status(self, facts: Mapping[str, TopicFacts] | None = None) -> Status:
        """Tell how it goes; made to be called once a second.

        Logs each sentence of advice too, when it is new and twice a minute: a shell need not.

        Args:
            facts: what the shell knows about the inputs' topics, see `advice.why_no_output`.
        """
        raise NotImplementedError
