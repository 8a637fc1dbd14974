# SPDX-License-Identifier: Apache-2.0
"""A worker with everything around it: real intake, real small network, and an outlet that remembers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from threading import Condition, Event
from typing import Any

import pytest
from live_messages import PATIENCE_S, estimator, image, info

from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline


class Recorder:
    """An outlet whose subscribers are named by the test, and what was published."""

    def __init__(self, *subscribed: str) -> None:
        self.subscribed: Collection[str] = subscribed
        self.messages: list[Mapping[str, Any]] = []
        self._changed = Condition()

    def wanted(self) -> Collection[str]:
        return self.subscribed

    def publish(self, messages: Mapping[str, Any]) -> None:
        with self._changed:
            self.messages.append(messages)
            self._changed.notify_all()

    def stamps(self) -> list[int]:
        return [next(iter(messages.values())).header.stamp.nanosec for messages in self.messages]

    def wait_for(self, count: int) -> None:
        with self._changed:
            there = self._changed.wait_for(lambda: len(self.messages) >= count, PATIENCE_S)
        assert there, f"{len(self.messages)} publications; expected {count}"


class GatedPipeline(StereoPipeline):
    """The real pipeline; pairs wait at a gate while it is closed."""

    def __init__(self, estimator: StereoEstimator) -> None:
        super().__init__(estimator)
        self.entered = Event()
        self.gate = Event()
        self.gate.set()
        self.processed: list[int] = []

    def process(self, left_image: Any, right_image: Any, left_info: Any, right_info: Any) -> Prediction:
        self.processed.append(left_image.header.stamp.nanosec)
        self.entered.set()
        assert self.gate.wait(PATIENCE_S)
        return super().process(left_image, right_image, left_info, right_info)


@pytest.fixture
def pipeline() -> Iterator[GatedPipeline]:
    pipeline = GatedPipeline(estimator())
    yield pipeline
    pipeline.gate.set()


def push_pair(intake: StereoIntake, stamp: int, baseline: float = 0.1) -> None:
    for side in ("left", "right"):
        intake.push_info(side, info(side, stamp, baseline))
    for side in ("left", "right"):
        intake.push_image(side, image(side, stamp))


@pytest.fixture
def push() -> Callable[..., None]:
    return push_pair


@pytest.fixture
def recorder() -> type[Recorder]:
    return Recorder
