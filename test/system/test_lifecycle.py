# SPDX-License-Identifier: Apache-2.0
"""The lifecycle as a manager drives it from outside."""

from __future__ import annotations

import shutil

import pytest
from waiting import wait_until

from foundation_stereo_ros.weights.shipped import shipped_checkpoint

pytestmark = pytest.mark.ros

WAITING = {"device": "cpu", "iterations": 1, "autostart": False}


def test_it_starts_by_itself(stage) -> None:
    node = stage.node()
    points = node.hear("points2")
    stage.camera()
    points.wait_for()
    assert node.state == "active"
    node.reports(lambda r: r.values["lifecycle"] == "active")


def test_every_transition(stage) -> None:
    node = stage.node(parameters=WAITING)
    points = node.hear("points2")
    camera = stage.camera()
    assert node.state == "unconfigured"
    node.reports(lambda r: "unconfigured" in r.message)

    assert node.change_state("configure")
    assert node.state == "inactive"
    node.reports(lambda r: r.values["lifecycle"] == "inactive")

    assert node.change_state("activate")
    points.next(count=2)

    assert node.change_state("deactivate")
    node.reports(lambda r: "inactive" in r.message)
    points.clear()
    camera.wait_for_more(5)
    node.reports(lambda r: r.values["state"] == "stopped")
    assert points.messages == []
    listener = stage.listener.node
    wait_until("it hears no images", lambda: not listener.count_subscribers("/stereo/left/image_rect"))

    assert node.change_state("activate")
    points.next(count=2)

    assert node.change_state("deactivate")
    assert node.change_state("cleanup")
    assert node.state == "unconfigured"
    assert node.change_state("configure")
    assert node.change_state("activate")
    points.next(count=2)

    assert node.change_state("shutdown")
    assert node.state == "finalized"
    assert node.alive


def test_activated_again_and_again(stage) -> None:
    """No thread is left behind, and frames flow each time."""
    node = stage.node()
    points = node.hear("points2")
    stage.camera(rate=20.0)
    points.next()
    threads = node.threads
    for number in range(6):
        assert node.change_state("deactivate")
        if number % 3 == 0:
            assert node.change_state("cleanup")
            assert node.change_state("configure")
        assert node.change_state("activate")
        points.next(count=2)
    wait_until("as many threads as before", lambda: node.threads == threads)


def test_what_is_impossible_in_a_state_does_no_harm(stage) -> None:
    node = stage.node(parameters=WAITING)
    assert not node.change_state("activate")
    assert not node.change_state("cleanup")
    assert node.state == "unconfigured"
    assert node.change_state("configure")
    assert not node.change_state("configure")
    assert node.change_state("activate")
    points = node.hear("points2")
    stage.camera()
    points.wait_for()


@pytest.mark.parametrize("autostart", [True, False])
def test_weights_that_cannot_be_loaded(stage, tmp_path, autostart) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"no weights")
    from rcl_interfaces.msg import Log
    from rclpy.qos import DurabilityPolicy, QoSProfile

    # It may be said before the listener is known; the publisher keeps it for 10 s.
    kept = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    said = stage.listener.hear("/rosout", Log, kept)
    parameters = {**WAITING, "autostart": autostart, "checkpoint": str(weights)}
    node = stage.node(parameters=parameters)
    if not autostart:
        assert not node.change_state("configure")
    (line,) = node.log.wait_for(1, r"\[ERROR\].*cannot configure")
    assert str(weights) in line
    said.wait_for(lambda m: m.name == "stereo.stereo_node" and "cannot configure" in m.msg)
    report = node.reports(lambda r: "cannot configure" in r.message)
    assert report.level == 2 and str(weights) in report.message
    assert node.alive and node.state == "unconfigured"

    # Mended, it can be configured without a new start.
    shutil.copy(shipped_checkpoint(), weights)
    assert node.change_state("configure")
    assert node.change_state("activate")
    points = node.hear("points2")
    stage.camera()
    points.wait_for()
    assert node.reports(lambda r: r.level == 0).values["weights"] == str(weights)


def test_a_device_that_is_not_there(stage) -> None:
    node = stage.node(parameters={"device": "cuda:77"})
    (line,) = node.log.wait_for(1, r"\[ERROR\].*cannot configure")
    assert "device is 'cuda:77'" in line
    assert node.reports(lambda r: "cuda:77" in r.message).level == 2
    assert node.state == "unconfigured"
