# SPDX-License-Identifier: Apache-2.0
"""The worker with the real pipeline: what is computed, when, and that it keeps running."""

from __future__ import annotations

import logging
import tracemalloc
import weakref
from collections.abc import Callable, Iterator, Mapping
from threading import Event, Thread
from typing import Any

import pytest
from live_messages import PATIENCE_S, TYPES, image, info, wait_until
from painted_pairs import block_pair

from foundation_stereo_ros.errors import ConfigError, DeviceMemoryError
from foundation_stereo_ros.estimate.remarks import SidesExchanged
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.live.statistics import LiveStatistics
from foundation_stereo_ros.ros.live.steps import StereoSteps
from foundation_stereo_ros.ros.live.worker import Worker

Push = Callable[..., None]


class Rig:
    """A worker, and everything around it."""

    def __init__(self, pipeline: Any, outlet: Any, config: StereoLiveConfig | None = None) -> None:
        self.pipeline, self.outlet = pipeline, outlet
        self.intake = StereoIntake(config)
        self.statistics = LiveStatistics()
        self.intake.push_info("left", info("left", 0))  # tells the size to warm up for
        self.worker = Worker(
            pipeline,
            StereoSteps(pipeline),
            self.intake,
            outlet,
            TYPES,
            config or StereoLiveConfig(),
            self.statistics,
            lambda: 10**9,
        )

    def skipped(self, reason: str, count: int) -> None:
        """Wait until so many pairs were skipped."""
        wait_until(f"{count} x {reason}", lambda: self.statistics.snapshot().skipped[reason] >= count)

    def rejected(self, count: int) -> None:
        wait_until(f"{count} rejected", lambda: self.statistics.snapshot().rejected >= count)


@pytest.fixture
def rig_of(pipeline: Any) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(outlet: Any, start: bool = True, **settings: Any) -> Rig:
        rigs.append(Rig(pipeline, outlet, StereoLiveConfig(**settings)))
        if start:
            rigs[-1].worker.start()
        return rigs[-1]

    yield make
    pipeline.gate.set()
    for rig in rigs:
        assert rig.worker.stop(PATIENCE_S)


RigOf = Callable[..., Rig]


def worker_lines(caplog: pytest.LogCaptureFixture, text: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if text in record.getMessage()]


def test_a_pair_becomes_the_outputs_that_somebody_wants(rig_of: RigOf, push: Push, recorder: Any) -> None:
    rig = rig_of(recorder("points2", "depth/image_rect"))
    push(rig.intake, 7)
    rig.outlet.wait_for(1)
    (messages,) = rig.outlet.messages
    assert set(messages) == {"points2", "depth/image_rect"}
    for message in messages.values():
        assert (message.header.stamp.nanosec, message.header.frame_id) == (7, "left_optical")
    rig.outlet.subscribed = ("disparity",)
    push(rig.intake, 8)
    rig.outlet.wait_for(2)
    assert set(rig.outlet.messages[1]) == {"disparity"}
    snapshot = rig.statistics.snapshot()
    assert snapshot.results == 2
    assert list(snapshot.stages) == [
        *("decode", "rectify", "scale", "network", "checks", "depth"),
        *("encode", "publish"),
    ]
    assert snapshot.latency == pytest.approx((1.0, 1.0))


def test_a_clock_behind_the_stamps_tells_no_latency(rig_of: RigOf, push: Push, recorder: Any) -> None:
    # As when a recording loops while a pair is in the network; the clock of the tests stands at 1 s.
    rig = rig_of(recorder("disparity"))
    push(rig.intake, 2 * 10**9)
    rig.outlet.wait_for(1)
    wait_until("counted", lambda: rig.statistics.snapshot().results == 1)
    assert rig.statistics.snapshot().latency is None


def test_while_the_network_is_busy_the_newest_pair_wins(rig_of: RigOf, push: Push, recorder: Any) -> None:
    rig = rig_of(recorder("disparity"))
    rig.pipeline.gate.clear()
    push(rig.intake, 1)
    assert rig.pipeline.entered.wait(PATIENCE_S)
    for stamp in range(2, 7):
        push(rig.intake, stamp)
    rig.pipeline.gate.set()
    rig.outlet.wait_for(2)
    assert rig.outlet.stamps() == [1, 6]
    counts = rig.intake.counts()
    assert (counts.delivered, counts.overtaken) == (2, 4)


def test_a_new_calibration_is_used_from_its_first_pair_on(rig_of: RigOf, push: Push, recorder: Any) -> None:
    rig = rig_of(recorder("disparity"))
    for stamp, baseline in ((1, 0.1), (2, 0.1), (3, 0.4), (4, 0.2)):
        push(rig.intake, stamp, baseline)
        rig.outlet.wait_for(stamp)
    assert [m["disparity"].t for m in rig.outlet.messages] == pytest.approx([0.1, 0.1, 0.4, 0.2])


def test_stopping_in_mid_inference_gives_up_after_the_timeout_and_publishes_nothing(
    rig_of: RigOf, push: Push, recorder: Any
) -> None:
    rig = rig_of(recorder("disparity"))
    rig.pipeline.gate.clear()
    push(rig.intake, 1)
    assert rig.pipeline.entered.wait(PATIENCE_S)
    push(rig.intake, 2)
    assert not rig.worker.stop(0.01)
    assert rig.worker.state == "stopped"
    rig.pipeline.gate.set()
    assert rig.worker.stop(PATIENCE_S)
    assert rig.outlet.messages == []
    assert rig.pipeline.processed == [1]


def test_started_again_it_takes_no_pair_from_before(
    rig_of: RigOf, push: Push, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rig_of(recorder("disparity"))
    rig.pipeline.gate.clear()
    push(rig.intake, 1)
    assert rig.pipeline.entered.wait(PATIENCE_S)
    push(rig.intake, 2)
    rig.worker.stop(0.0)
    push(rig.intake, 3)
    warm = Event()
    real = rig.pipeline.estimator.warm_up
    monkeypatch.setattr(rig.pipeline.estimator, "warm_up", lambda *size: (warm.set(), real(*size)))
    rig.worker.start()
    assert rig.worker.state == "warming up"
    assert not warm.wait(0.2), "the old thread is still inside the network"
    rig.pipeline.gate.set()
    wait_until("warm", lambda: rig.worker.state != "warming up")
    push(rig.intake, 4)
    rig.outlet.wait_for(1)
    assert rig.outlet.stamps() == [4]
    assert rig.pipeline.processed == [1, 4]


def test_starting_twice_and_stopping_twice_is_harmless(rig_of: RigOf, push: Push, recorder: Any) -> None:
    rig = rig_of(recorder("disparity"))
    rig.worker.start()
    push(rig.intake, 1)
    rig.outlet.wait_for(1)
    assert rig.worker.stop(PATIENCE_S)
    assert rig.worker.stop(0.0)
    assert len(rig.outlet.messages) == 1


def test_never_started_it_is_stopped(rig_of: RigOf, recorder: Any) -> None:
    rig = rig_of(recorder(), start=False)
    assert rig.worker.state == "stopped"
    assert rig.worker.stop(0.0)


def test_the_network_visits_its_device_and_warms_up_in_the_workers_thread(
    rig_of: RigOf, push: Push, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rig_of(recorder("disparity"), start=False)
    estimator, calls, warm = rig.pipeline.estimator, [], Event()

    def spy(name: str) -> Callable[..., None]:
        real = getattr(estimator, name)

        def call(*args: int) -> None:
            calls.append((name, *args))
            if name == "warm_up":
                assert warm.wait(PATIENCE_S)
            real(*args)

        return call

    for name in ("to_device", "warm_up", "to_host"):
        monkeypatch.setattr(estimator, name, spy(name))
    rig.worker.start()
    push(rig.intake, 1)
    wait_until("warm-up", lambda: len(calls) == 2)
    assert rig.worker.state == "warming up"
    assert rig.pipeline.processed == []
    warm.set()
    rig.outlet.wait_for(1)
    assert rig.worker.stop(PATIENCE_S)
    assert calls == [("to_device",), ("warm_up", 60, 40), ("to_host",)]


def test_a_full_device_is_tried_again_with_the_next_pair(
    rig_of: RigOf, push: Push, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rig_of(recorder("disparity"))
    push(rig.intake, 1)
    rig.outlet.wait_for(1)
    assert rig.worker.stop(PATIENCE_S)
    full = True

    def to_device() -> None:
        if full:
            raise DeviceMemoryError("the network does not fit: 3 GiB more needed")

    monkeypatch.setattr(rig.pipeline.estimator, "to_device", to_device)
    rig.worker.start()
    rig.rejected(1)
    push(rig.intake, 2)
    rig.rejected(2)
    assert "3 GiB" in rig.statistics.snapshot().reason
    full = False
    push(rig.intake, 3)
    rig.outlet.wait_for(2)
    assert rig.outlet.stamps() == [1, 3]


def test_without_subscribers_nothing_is_computed_and_that_is_said_once(
    rig_of: RigOf, push: Push, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig = rig_of(recorder())
    for stamp in range(1, 4):
        push(rig.intake, stamp)
        rig.skipped("no subscriber", stamp)
    assert rig.pipeline.processed == []
    assert rig.worker.state == "idle"
    assert len(worker_lines(caplog, "not computing until one comes")) == 1
    rig.outlet.subscribed = ("points2",)
    for stamp in (4, 5):
        push(rig.intake, stamp)
        rig.outlet.wait_for(stamp - 3)
    assert len(worker_lines(caplog, "computing again")) == 1
    assert rig.pipeline.processed == [4, 5]


def test_disabled_nothing_is_computed(rig_of: RigOf, push: Push, recorder: Any) -> None:
    rig = rig_of(recorder("disparity"))
    wait_until("warm", lambda: rig.worker.state != "warming up")
    rig.worker.enabled = False
    assert rig.worker.state == "disabled"
    push(rig.intake, 1)
    rig.skipped("disabled", 1)
    rig.worker.enabled = True
    push(rig.intake, 2)
    rig.outlet.wait_for(1)
    assert rig.pipeline.processed == [2]


def test_the_rate_limit_skips_pairs(rig_of: RigOf, push: Push, recorder: Any) -> None:
    rig = rig_of(recorder("disparity"), publish_rate_limit=0.001)
    push(rig.intake, 1)
    rig.outlet.wait_for(1)
    push(rig.intake, 2)
    rig.skipped("rate limit", 1)
    rig.worker.reconfigure(live_config=StereoLiveConfig())
    push(rig.intake, 3)
    rig.outlet.wait_for(2)
    assert rig.outlet.stamps() == [1, 3]


def test_a_missing_confidence_is_said_once_and_is_no_reason_to_compute(
    rig_of: RigOf, push: Push, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rig = rig_of(recorder("confidence"))
    for stamp in (1, 2):
        push(rig.intake, stamp)
        rig.skipped("no subscriber", stamp)
    rig.outlet.subscribed = ("confidence", "disparity")
    push(rig.intake, 3)
    rig.outlet.wait_for(1)
    assert set(rig.outlet.messages[0]) == {"disparity"}
    assert len(worker_lines(caplog, "set the parameter confidence to true")) == 1
    rig.worker.reconfigure(rig.pipeline.config.replace(confidence=True))
    push(rig.intake, 4)
    rig.outlet.wait_for(2)
    assert set(rig.outlet.messages[1]) == {"disparity", "confidence"}


def test_a_setting_changes_with_the_next_pair_and_not_in_the_middle_of_one(
    rig_of: RigOf, push: Push, recorder: Any
) -> None:
    rig = rig_of(recorder("depth/image_rect"))
    rig.pipeline.gate.clear()
    push(rig.intake, 1)
    assert rig.pipeline.entered.wait(PATIENCE_S)
    rig.worker.reconfigure(rig.pipeline.config.replace(depth_encoding="16UC1"))
    push(rig.intake, 2)
    rig.pipeline.gate.set()
    rig.outlet.wait_for(2)
    assert [m["depth/image_rect"].encoding for m in rig.outlet.messages] == ["32FC1", "16UC1"]


def test_a_setting_that_cannot_change_is_refused_and_nothing_changes(
    rig_of: RigOf, push: Push, recorder: Any
) -> None:
    rig = rig_of(recorder("depth/image_rect"), publish_rate_limit=0.0)
    config = rig.pipeline.config
    with pytest.raises(ConfigError, match="device is 'cpu' and cannot change to 'cuda' while running"):
        rig.worker.reconfigure(
            config.replace(device="cuda", depth_encoding="16UC1"), StereoLiveConfig(publish_rate_limit=0.001)
        )
    with pytest.raises(ConfigError, match="image_transport"):
        rig.worker.reconfigure(
            config.replace(depth_encoding="16UC1"), StereoLiveConfig(image_transport="compressed")
        )
    for stamp in (1, 2):
        push(rig.intake, stamp)
        rig.outlet.wait_for(stamp)
    assert rig.outlet.messages[1]["depth/image_rect"].encoding == "32FC1"


def test_a_pair_that_cannot_be_used_is_rejected_with_its_reason_and_said_once(
    rig_of: RigOf, push: Push, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rig = rig_of(recorder("disparity"))
    for stamp in (1, 2, 3):
        for side in ("left", "right"):
            rig.intake.push_info(side, info(side, stamp))
            strange = image(side, stamp)
            strange.encoding = "rgb565"
            rig.intake.push_image(side, strange)
        rig.rejected(stamp)
    assert "rgb565" in rig.statistics.snapshot().reason
    assert len(worker_lines(caplog, "rgb565")) == 1
    push(rig.intake, 4, 0.0)
    rig.rejected(4)
    assert "baseline" in rig.statistics.snapshot().reason
    push(rig.intake, 5)
    rig.outlet.wait_for(1)
    assert rig.outlet.stamps() == [5]


def test_an_unexpected_error_leaves_one_trace_and_a_living_worker(
    rig_of: RigOf,
    push: Push,
    recorder: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = rig_of(recorder("disparity"))

    def fail(messages: Mapping[str, Any]) -> None:
        raise RuntimeError("the publisher is gone")

    with monkeypatch.context() as patch:
        patch.setattr(rig.outlet, "publish", fail)
        for stamp in (1, 2):
            push(rig.intake, stamp)
            rig.rejected(stamp)
    assert "RuntimeError: the publisher is gone" in rig.statistics.snapshot().reason
    (record,) = worker_lines(caplog, "the publisher is gone")
    assert record.exc_info
    push(rig.intake, 3)
    rig.outlet.wait_for(1)


def test_what_fails_while_stopping_is_not_said(
    rig_of: RigOf,
    push: Push,
    recorder: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = rig_of(recorder("disparity"))

    def stop_and_fail(messages: Mapping[str, Any]) -> None:
        Thread(target=rig.worker.stop, args=(PATIENCE_S,)).start()
        wait_until("stopping", lambda: rig.worker.state == "stopped")
        raise RuntimeError("publishers are destroyed")

    monkeypatch.setattr(rig.outlet, "publish", stop_and_fail)
    push(rig.intake, 1)
    wait_until("stopped", lambda: rig.worker.state == "stopped")
    assert rig.worker.stop(PATIENCE_S)
    assert worker_lines(caplog, "destroyed") == []
    assert rig.statistics.snapshot().rejected == 0


def test_nothing_of_old_pairs_and_results_is_kept(rig_of: RigOf, push: Push, recorder: Any) -> None:
    """200 pairs through the network: no more memory than after the first ones, and no old result alive."""
    rig = rig_of(recorder("points2", "depth/image_rect", "disparity", "disparity/visual"))
    kept: list[weakref.ref[Any]] = []
    real = rig.pipeline.process

    def process(*messages: Any) -> Any:
        result = real(*messages)
        kept.extend(weakref.ref(item) for item in (result, *messages))
        return result

    rig.pipeline.process = process

    def run(stamps: range) -> int:
        for stamp in stamps:
            push(rig.intake, stamp)
            rig.outlet.wait_for(1)
            rig.outlet.messages.clear()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = run(range(1, 101))
        after = run(range(101, 301))
    finally:
        tracemalloc.stop()
    assert rig.worker.stop(PATIENCE_S)
    # The images and outputs of 200 pairs are 20 MB; what may grow are the times of the last seconds.
    assert after - before < 1_000_000
    alive = [type(item()).__name__ for item in kept if item() is not None]
    # Of each camera 64 calibrations are remembered.
    assert set(alive) == {"sensor_msgs__msg__CameraInfo"}
    assert len(alive) == 128


def test_threads_end(rig_of: RigOf, recorder: Any) -> None:
    rig = rig_of(recorder())
    thread: Thread = rig.worker._thread  # type: ignore[assignment]
    assert (thread.name, thread.daemon) == ("worker", True)
    assert rig.worker.stop(PATIENCE_S)
    assert not thread.is_alive()


def test_exchanged_images_are_logged_once_and_stay_in_the_statistics(
    rig_of: RigOf, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    left, right = block_pair(40)
    camera = Camera(left.shape[1], left.shape[0], fx=300.0, fy=300.0, cx=200.0, cy=120.0)
    rig = rig_of(recorder("disparity"))
    for count, stamp in enumerate((1, 2, 3), 1):
        for side, picture in (("left", right), ("right", left)):
            rig.intake.push_info(side, info(side, stamp, camera=camera))
            rig.intake.push_image(side, image(side, stamp, picture))
        rig.outlet.wait_for(count)
    wait_until("counted", lambda: rig.statistics.snapshot().results == 3)
    assert rig.statistics.snapshot().remarks == (SidesExchanged(),)
    assert [r.levelname for r in worker_lines(caplog, "look exchanged")] == ["WARNING"]
