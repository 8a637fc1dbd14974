# SPDX-License-Identifier: Apache-2.0
"""Publishers and subscribers of every quality of service, and what is said where they do not match."""

from __future__ import annotations

from typing import Any

import pytest
from waiting import wait_until

pytestmark = pytest.mark.ros


def test_publishers_of_either_reliability_are_heard(stage) -> None:
    node = stage.node()
    points = node.hear("points2")
    for qos in ("sensor", "reliable"):
        camera = stage.camera(qos=qos)
        points.next(count=2)
        camera.stop()


def test_subscribers_of_either_reliability_hear(stage) -> None:
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    node = stage.node()
    inboxes = [
        node.hear("points2", QoSProfile(depth=1, reliability=reliability))
        for reliability in (ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT)
    ]
    stage.camera()
    for inbox in inboxes:
        inbox.wait_for()


def test_a_subscriber_that_asks_for_more_than_is_offered_is_named(stage) -> None:
    from rclpy.qos import DurabilityPolicy, QoSProfile

    node = stage.node()
    node.log.wait_for(1, "decoding images")
    node.hear("points2", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    (warning,) = node.log.wait_for(1, r"\[WARN\].*durability")
    assert "/stereo/points2: a subscriber has another durability" in warning
    assert "qos_overrides./stereo/points2.publisher.durability" in warning


def test_the_override_that_the_warning_names_helps(stage) -> None:
    from rclpy.qos import DurabilityPolicy, QoSProfile

    node = stage.node(words=("-p", "qos_overrides./stereo/points2.publisher.durability:=transient_local"))
    points = node.hear("points2", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    stage.camera()
    points.wait_for()


def test_an_override_of_a_subscription(stage) -> None:
    """Reliable images, as for a recording; a best effort publisher is then named."""
    from rclpy.qos import ReliabilityPolicy

    topic = "/stereo/left/image_rect"
    node = stage.node(words=("-p", f"qos_overrides.{topic}.subscription.reliability:=reliable"))
    points = node.hear("points2")
    camera = stage.camera(qos="sensor")
    (warning,) = node.log.wait_for(1, r"\[WARN\].*another reliability")
    assert f"{topic}: a publisher has another reliability" in warning
    assert f"qos_overrides.{topic}.subscription.reliability" in warning
    report = node.reports(lambda r: "QoS" in r.message)
    assert topic in report.message and "RELIABILITY" in report.message
    listener = stage.listener.node

    def alone() -> Any:
        found = listener.get_subscriptions_info_by_topic(topic)
        return found if len(found) == 1 else None  # that of an earlier node may be known for a while

    (asked,) = wait_until("it alone is seen", alone)
    assert asked.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    camera.stop()
    stage.camera(qos="reliable")
    points.wait_for()


def test_compressed_images(stage) -> None:
    node = stage.node(parameters={"device": "cpu", "iterations": 1, "image_transport": "compressed"})
    depth = node.hear("depth/image_rect")
    stage.camera("compressed")
    message = depth.wait_for()
    assert (message.width, message.height) == (64, 48)


def test_compressed_images_where_raw_ones_are_expected(stage) -> None:
    node = stage.node()
    node.hear("points2")
    stage.camera("misplaced")
    warnings = node.log.wait_for(2, r"\[WARN\].*no output: .*image_rect has messages of type")
    assert any(
        "/stereo/left/image_rect has messages of type sensor_msgs/msg/CompressedImage, "
        "expected sensor_msgs/msg/Image; set image_transport to compressed" in warning
        for warning in warnings
    )
    report = node.reports(lambda r: "image_transport" in r.message)
    assert report.level == 1 and "/stereo/left/image_rect" in report.message


def test_raw_images_where_compressed_ones_are_expected(stage) -> None:
    """Nobody publishes .../compressed then; the sentence names the topic that the node listens to."""
    node = stage.node(parameters={"device": "cpu", "image_transport": "compressed"})
    node.hear("points2")
    stage.camera()
    node.log.wait_for(1, r"\[WARN\].*/stereo/left/image_rect/compressed has no publisher")
