# SPDX-License-Identifier: Apache-2.0
"""One thread that takes the newest set of images, computes what is wanted, and gives it out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, Generic, Literal, Protocol, TypeVar

from foundation_stereo_ros.estimate.cloud import check_filters
from foundation_stereo_ros.estimate.config import SharedSettings
from foundation_stereo_ros.estimate.remarks import NewRemarks
from foundation_stereo_ros.estimate.stopwatch import Stopwatch
from foundation_stereo_ros.ros.live.advice import remark_in_words
from foundation_stereo_ros.ros.live.config import LiveConfig
from foundation_stereo_ros.ros.live.demand import Demand, Outlet
from foundation_stereo_ros.ros.live.repeats import Rejections
from foundation_stereo_ros.ros.live.saving import ResultSaver
from foundation_stereo_ros.ros.live.statistics import LiveStatistics
from foundation_stereo_ros.ros.live.steps import Steps
from foundation_stereo_ros.ros.messages.pipeline import Pipeline
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet

_log = logging.getLogger(__name__)

S = TypeVar("S", bound=MessageSet[Any])
S_co = TypeVar("S_co", bound=MessageSet[Any], covariant=True)

State = Literal["stopped", "warming up", "disabled", "idle", "waiting", "running"]

_POLL_S = 0.5
_USUAL_SIZE = (640, 480)


class Source(Protocol[S_co]):
    """Where the worker's sets of images come from; an `intake.Intake`."""

    def open(self) -> None:
        """Take images again after `close`."""

    def close(self) -> None:
        """Drop what waits, and wake `take`."""

    def take(self, timeout: float) -> S_co | None:
        """Wait for the newest set; None after ``timeout`` seconds, or at once when closed."""

    def image_size(self) -> tuple[int, int] | None:
        """Width and height of the images; None where not known yet."""

    def reconfigure(self, config: Any) -> None:
        """Use other settings at once."""


class Worker(Generic[S]):
    """Runs a pipeline in a thread of its own, named "worker".

    Args:
        pipeline: makes results and messages, its network on its device; nothing else may use it meanwhile.
        steps: what is done with a set of images.
        intake: where the sets come from.
        outlet: where messages go.
        types: message classes to build.
        config: settings of this and of the intake.
        statistics: gets the counts and times.
        clock_ns: the clock that the images' stamps are from, nanoseconds; a simulated one may stand at 0.

    Attributes:
        config: the settings in use; see `reconfigure`.
    """

    def __init__(
        self,
        pipeline: Pipeline[Any],
        steps: Steps[S],
        intake: Source[S],
        outlet: Outlet,
        types: MessageTypes,
        config: LiveConfig,
        statistics: LiveStatistics,
        clock_ns: Callable[[], int],
    ) -> None:
        self.config = config
        self._pipeline, self._steps = pipeline, steps
        self._intake, self._outlet, self._types = intake, outlet, types
        self._statistics, self._clock_ns = statistics, clock_ns
        self._lock = Lock()
        self._thread: Thread | None = None
        self._stopping = Event()
        self._saver = ResultSaver(statistics.note_saved)
        self._demand = Demand(outlet)
        self._rejections = Rejections(statistics, steps.what)
        self._new_remarks = NewRemarks()
        self._on_device = True
        self._next_config: SharedSettings | None = None
        self._phase: State = "waiting"

    @property
    def state(self) -> State:
        """What the worker does."""
        if self._thread is None or self._stopping.is_set():
            return "stopped"
        if self._phase != "warming up" and not self.enabled:
            return "disabled"
        return self._phase

    @property
    def enabled(self) -> bool:
        """Whether images are computed; while false they are dropped, saving waits."""
        return self._demand.enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._demand.enabled = value

    def start(self) -> None:
        """Start the thread: the network goes to its device and warms up there, then images are taken."""
        with self._lock:
            if self._thread is not None and not self._stopping.is_set():
                return
            previous, self._stopping = self._thread, Event()
            self._phase = "warming up"
            self._intake.open()
            self._thread = Thread(
                target=self._run, args=(self._stopping, previous), name="worker", daemon=True
            )
            self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End the thread; the network leaves its device, saving is cancelled, nothing is published any more.

        A result that is being written becomes complete, see `finish_saving`.

        Returns:
            False where the thread is still inside the network after ``timeout`` seconds. It ends after that.
        """
        with self._lock:
            thread = self._thread
            self._stopping.set()
            self._intake.close()
        self._saver.cancel()
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def reconfigure(
        self, pipeline_config: SharedSettings | None = None, live_config: LiveConfig | None = None
    ) -> None:
        """Use other settings from the next set of images on.

        Raises:
            ConfigError: a setting differs that cannot change while running, or one that cannot work here;
                nothing is changed then.
        """
        if live_config is not None:
            self.config.check_change(live_config)
        if pipeline_config is not None:
            self._pipeline.estimator.check_change(pipeline_config)
            check_filters(pipeline_config)
            with self._lock:
                self._next_config = pipeline_config
        if live_config is not None:
            self.config = live_config
            self._intake.reconfigure(live_config)

    def save_next(self) -> Future[list[Path]]:
        """Write the next result to a folder of its own, also where nobody subscribes.

        Returns:
            The files, once written; the error if that failed; cancelled where not started, and by `stop`
            unless they are being written.
        """
        with self._lock:
            future = self._saver.ask()
            running = self.state != "stopped"
        if not running:
            self._saver.cancel()
        return future

    def finish_saving(self, timeout: float) -> bool:
        """Wait for the result that is being written; return False after ``timeout`` seconds."""
        return self._saver.finish(timeout)

    def _run(self, stopping: Event, previous: Thread | None) -> None:
        if previous is not None:
            # It may still be inside the network, which two threads cannot share.
            previous.join()
        if stopping.is_set():
            return
        self._statistics.restart()
        self._demand.restart()
        self._rejections.restart()
        self._rejections.guard(self._prepare, stopping)
        while not stopping.is_set():
            self._rejections.guard(lambda: self._next(stopping), stopping)
        self._rejections.guard(self._rest, stopping)

    def _prepare(self) -> None:
        self._phase = "warming up"
        self._pipeline.estimator.to_device()
        self._on_device = True
        self._pipeline.estimator.warm_up(*(self._intake.image_size() or _USUAL_SIZE))
        self._phase = "waiting"

    def _rest(self) -> None:
        self._on_device = False
        self._pipeline.estimator.to_host()

    def _next(self, stopping: Event) -> None:
        images = self._intake.take(_POLL_S)
        if stopping.is_set():
            return
        self._follow()
        confidence = self._pipeline.config.confidence
        if images is None:
            self._phase = "waiting" if self._demand.wanted(confidence) else "idle"
            return
        if images.reset:  # also where this very set is not computed: what follows it is after the jump
            self._steps.forget(images.reset)
        refusal = self._demand.refusal(confidence, self.config.publish_rate_limit, self._saver.ready)
        if refusal:
            self._statistics.note_skipped(refusal)
            self._steps.skip(images)
            self._phase = "idle" if refusal == "no subscriber" else "running"
            return
        if not self._on_device:
            self._prepare()
        self._phase = "running"
        self._compute(images, stopping)

    def _follow(self) -> None:
        """Use the settings last given to `reconfigure`."""
        with self._lock:
            config, self._next_config = self._next_config, None
        if config is not None:
            self._pipeline.estimator.reconfigure(config)

    def _compute(self, images: S, stopping: Event) -> None:
        begin, pipeline = monotonic(), self._pipeline
        result = self._steps.process(images)
        if stopping.is_set() or result is None:
            return
        watch = Stopwatch()
        # Asked again: the network takes its time, and subscribers come and go.
        wanted = self._demand.wanted(pipeline.config.confidence)
        messages = pipeline.outputs(result, images.leading.header, self._types, wanted)
        watch.lap("encode")
        if messages:
            self._outlet.publish(messages)
        watch.lap("publish")
        late_ns = self._clock_ns() - images.stamp_ns
        # A simulated clock stands at 0 until somebody drives it, and goes back when a recording loops.
        latency = late_ns / 1e9 if late_ns >= 0 else None
        stages = {**result.seconds, **watch.seconds}
        compute = monotonic() - begin
        self._saver.offer(result, pipeline.config, self.config.save_directory, images.stamp_ns)
        self._statistics.note_result(latency, compute, stages, result.refinements, result.remarks)
        for remark in self._new_remarks(result.remarks):
            _log.warning("%s", remark_in_words(remark))
