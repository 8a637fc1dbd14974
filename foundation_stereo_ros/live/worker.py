# SPDX-License-Identifier: Apache-2.0
"""One thread that takes the newest pair, computes what is wanted, and gives it out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Literal

from foundation_stereo_ros.live.config import LiveConfig
from foundation_stereo_ros.live.intake import StereoIntake
from foundation_stereo_ros.live.outlet import Outlet
from foundation_stereo_ros.live.statistics import LiveStatistics
from foundation_stereo_ros.messages.types import MessageTypes
from foundation_stereo_ros.pipeline.config import PipelineConfig
from foundation_stereo_ros.pipeline.messages_pipeline import StereoPipeline

State = Literal["stopped", "warming up", "disabled", "idle", "waiting", "running"]


class StereoWorker:
    """Runs the pipeline in a thread of its own, named "stereo-worker".

    Args:
        pipeline: makes results and messages; nothing else may use it while this runs.
        intake: where pairs come from.
        outlet: where messages go.
        types: message classes to build.
        config: ``publish_rate_limit``, ``save_directory``.
        statistics: gets the counts and times.
        clock_ns: the clock that the images' stamps are from, nanoseconds (of the simulation, in one).
    """

    def __init__(
        self,
        pipeline: StereoPipeline,
        intake: StereoIntake,
        outlet: Outlet,
        types: MessageTypes,
        config: LiveConfig,
        statistics: LiveStatistics,
        clock_ns: Callable[[], int],
    ) -> None:
        raise NotImplementedError

    @property
    def state(self) -> State:
        """What the worker does."""
        raise NotImplementedError

    @property
    def enabled(self) -> bool:
        """Whether pairs are computed; while false they are dropped, saving waits."""
        raise NotImplementedError

    @enabled.setter
    def enabled(self, value: bool) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Start the thread: the network goes to its device and warms up there, then pairs are taken."""
        raise NotImplementedError

    def stop(self, timeout: float) -> bool:
        """End the thread; the network leaves its device, saving is cancelled, nothing is published any more.

        Returns:
            False where the thread is still inside the network after ``timeout`` seconds. It ends after that.
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
        """Write the next result to a folder of its own, also where nobody subscribes.

        Returns:
            The files, once written; the error if that failed; cancelled by `stop`, or where not started.
        """
        raise NotImplementedError
