# SPDX-License-Identifier: Apache-2.0
"""What the node does at its end; all else is tried with the running node in test/system."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.ros


@pytest.fixture
def node() -> Iterator[Any]:
    import rclpy

    from foundation_stereo_ros.ros.node.stereo_node import StereoNode

    rclpy.init(args=[])
    node = StereoNode()
    yield node
    node._core = None
    node.close(0.0)
    node.destroy_node()
    rclpy.shutdown()


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize(("end", "timeout"), [("close", 0.5), ("_release", 10.0)])
def test_a_result_that_is_being_written_is_waited_for(
    node: Any, end: str, timeout: float, written: bool, caplog: pytest.LogCaptureFixture
) -> None:
    from foundation_stereo_ros.ros.node.live_node import SAVE_S

    calls: list[tuple[str, float]] = []

    def finish(seconds: float) -> bool:
        calls.append(("finish", seconds))
        return written

    def stop(seconds: float) -> bool:
        calls.append(("stop", seconds))
        return True

    node._core = SimpleNamespace(worker=SimpleNamespace(stop=stop, finish_saving=finish))
    node._estimator = SimpleNamespace(to_host=lambda: None)
    logging.getLogger("foundation_stereo_ros").propagate = True  # the node's bridge keeps the log to itself
    getattr(node, end)(*([timeout] if end == "close" else []))
    assert calls[0] == ("stop", timeout)
    assert calls[-1] == ("finish", SAVE_S)
    assert written is not any("its folder may lack files" in r.getMessage() for r in caplog.records)
