# SPDX-License-Identifier: Apache-2.0
"""What ~/save answers; files are written in test/system/test_laziness.py."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ros


def written(saving: Future[Any]) -> None:
    saving.set_result([Path("/kept/1_000000002/left.png")])


def failed(saving: Future[Any]) -> None:
    saving.set_exception(OSError("the disk is full"))


def on_its_way(saving: Future[Any]) -> None:
    saving.set_running_or_notify_cancel()


@pytest.mark.parametrize(
    ("fate", "success", "message"),
    [
        (written, True, "/kept/1_000000002"),
        (failed, False, "not saved: the disk is full"),
        (Future.cancel, False, "not saved: the node was deactivated"),
        (on_its_way, False, "the result is not written after 0.2 s; the log will say when it is"),
        (lambda _: None, False, "no result within 0.2 s: no images"),
        (None, False, "nothing to save: the node is not active"),
    ],
)
def test_answers(make_node, monkeypatch: pytest.MonkeyPatch, fate: Any, success: bool, message: str) -> None:
    from rclpy.clock import Clock, ClockType
    from rclpy.executors import SingleThreadedExecutor
    from std_srvs.srv import Trigger

    from foundation_stereo_ros.ros.node import save_service

    monkeypatch.setattr(save_service, "WAIT_S", 0.2)
    saving: Future[list[Path]] = Future()
    core = SimpleNamespace(worker=SimpleNamespace(save_next=lambda: saving))
    node = make_node()
    steady = Clock(clock_type=ClockType.STEADY_TIME)
    save_service.SaveService(node, lambda: core if fate else None, lambda: "no images", steady)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    client = node.create_client(Trigger, "~/save")
    assert client.wait_for_service(30.0)
    if fate:
        fate(saving)
    future = client.call_async(Trigger.Request())
    executor.spin_until_future_complete(future, 30.0)
    answer = future.result()
    assert (answer.success, answer.message) == (success, message)
    # Who has been told that there is nothing wants no files later.
    assert saving.done() or saving.running() or not fate
    executor.shutdown()
