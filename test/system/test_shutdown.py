# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at any moment: exit code 0, soon, and without a trace on the screen."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from waiting import PATIENCE_S, ends_well, wait_until

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def large_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that keep the network busy for many seconds."""
    path = tmp_path_factory.mktemp("scenes") / "large.npz"
    noise = np.random.default_rng(0).integers(0, 256, (960, 1280, 3), np.uint8)
    np.savez(path, left=noise, right=noise, focal=1000.0, cx=639.5, cy=479.5, baseline=0.1)
    return path


def test_idle(stage) -> None:
    node = stage.node()
    node.reports(lambda r: r.values["state"] == "idle")
    ends_well(node)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_computing(stage, number: int) -> None:
    node = stage.node()
    points = node.hear("points2")
    stage.camera(rate=30.0)
    points.wait_for(count=5)
    ends_well(node, number)


def test_more_than_once(stage) -> None:
    node = stage.node()
    points = node.hear("points2")
    stage.camera(rate=30.0)
    points.wait_for(count=5)
    ends_well(node, times=3)


@pytest.fixture
def busy(stage, large_scene: Path) -> Any:
    """A node with a pair in the network that takes it very long."""
    from tested_node import reliable

    node = stage.node(words=reliable())
    points = node.hear("points2")
    node.reports(lambda r: r.values["state"] == "waiting")
    assert node.set(iterations=128) == []
    stage.camera(scene=large_scene, rate=5.0, qos="reliable")
    # The next pair overtakes one that waits, and the first one is in the network.
    node.reports(lambda r: r.count("dropped") > 3)
    assert points.messages == []
    return node


def test_in_the_midst_of_a_long_inference(busy) -> None:
    ends_well(busy)


def test_while_it_waits_for_a_long_inference(stage, busy) -> None:
    """A transition that waits holds the thread that also hears of signals."""
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    client = stage.listener.node.create_client(ChangeState, f"{busy.name}/change_state")
    assert client.wait_for_service(PATIENCE_S)
    deactivate = Transition(id=Transition.TRANSITION_DEACTIVATE)
    client.call_async(ChangeState.Request(transition=deactivate))
    # The last thing that it does before it waits.
    listener = stage.listener.node
    wait_until("it waits", lambda: not listener.count_subscribers("/stereo/left/image_rect"))
    ends_well(busy)


def test_while_it_warms_up(stage) -> None:
    # For many seconds: the default network would be ready before the first status is heard.
    node = stage.node(parameters={"device": "cpu", "checkpoint": "tiny", "iterations": 128})
    node.reports(lambda r: r.values["state"] == "warming up")
    ends_well(node)


def test_while_it_starts(stage) -> None:
    """As soon as it says its first word, which is in the midst of configuring."""
    node = stage.node()
    node.log.wait_for(1)
    ends_well(node)


def test_while_somebody_waits_for_a_result_to_be_saved(stage) -> None:
    from std_srvs.srv import Trigger

    node = stage.node()
    node.reports(lambda r: r.values["state"] == "idle")
    client = stage.listener.node.create_client(Trigger, f"{node.name}/save")
    assert client.wait_for_service(PATIENCE_S)
    client.call_async(Trigger.Request())
    node.reports()
    ends_well(node)


def test_unconfigured(stage) -> None:
    node = stage.node(parameters={"autostart": False})
    node.reports()
    ends_well(node)
