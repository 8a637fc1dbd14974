# SPDX-License-Identifier: Apache-2.0
"""Outputs keep out of the way of topics that are there: real publishers of another participant."""

from __future__ import annotations

from pathlib import Path
from threading import Timer

import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from waiting import wait_until
from wire_stage import QUICK, WireStage

from foundation_stereo_ros.ros.dds.cameras import NamedVideo, free_namespace, named_cameras, taken_outputs
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.live.topics import CameraTopics
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, IMAGE, POINT_CLOUD
from foundation_stereo_ros.ros.messages.topics import Schema, Topic

NAMED = ("--left", "/stereo/left/image_rect", "--right", "/stereo/right/image_rect")
MOVED = "/stereo/foundation_stereo/points2"


def test_taken_and_free(stage: WireStage) -> None:
    graph = stage.wire.graph
    theirs = {
        "/cam/depth/camera_info": CAMERA_INFO,
        "/cam/depth/image_rect_raw": IMAGE,
        "/points2": POINT_CLOUD,
        "/other/below/points2": POINT_CLOUD,
    }
    for topic, msgtype in theirs.items():
        stage.wire.publisher(topic, msgtype, Profile())
    wait_until("all are found", lambda: set(theirs) <= {e.topic for e in graph.publishers()})
    assert taken_outputs(graph, "/cam") == ["/cam/depth/camera_info"]
    assert free_namespace(graph, "/cam") == ("/cam/foundation_stereo", ["/cam/depth/camera_info"])
    assert free_namespace(graph, "") == ("/foundation_stereo", ["/points2"])
    assert free_namespace(graph, "/other", patience=0.0) == ("/other", [])


def test_a_publisher_that_is_found_late_counts(stage: WireStage) -> None:
    late = Timer(0.5, lambda: stage.wire.publisher("/cam/disparity", IMAGE, Profile()))
    late.start()
    namespace, taken = free_namespace(stage.wire.graph, "/cam", patience=60.0)
    late.join()
    assert (namespace, taken) == ("/cam/foundation_stereo", ["/cam/disparity"])


def test_live_moves_its_outputs_and_says_so(stage: WireStage, small_scene: Path) -> None:
    stage.wire.publisher("/stereo/points2", POINT_CLOUD, Profile())
    camera = stage.camera(small_scene)
    node = stage.live(*NAMED, *QUICK)
    inbox = stage.hear(MOVED)
    inbox.wait_for(count=2)
    assert set(inbox.stamps) <= set(camera.stamps)
    node.said.wait_for(1, "somebody publishes /stereo/points2 already")
    outputs = [line for line in node.said.lines if line.startswith("  /")]
    assert outputs and all(line.startswith("  /stereo/foundation_stereo/") for line in outputs)
    # The node itself stays where parameter files name it.
    node.reports(name="/stereo/stereo_node:")


def test_live_keeps_to_the_namespace_that_the_user_names(stage: WireStage, small_scene: Path) -> None:
    theirs = stage.wire.publisher("/stereo/points2", POINT_CLOUD, Profile())
    stage.camera(small_scene)
    node = stage.live(*NAMED, "--namespace", "stereo", *QUICK)
    stage.hear("/stereo/points2").wait_for(count=2)
    node.said.wait_for(1, theirs.topic)
    assert "foundation_stereo/" not in str(node.said)


def test_a_node_that_was_killed_does_not_count(stage: WireStage, small_scene: Path) -> None:
    """Those who knew it see its topics until its lease ends; one that starts later never hears of them."""
    stage.camera(small_scene)
    killed = stage.live(*NAMED, *QUICK)
    inbox = stage.hear("/stereo/points2")
    inbox.wait_for()
    killed.kill()
    again = stage.live(*NAMED, *QUICK)
    again.said.wait_for(1, "^  /stereo/points2")
    assert "somebody publishes" not in str(again.said)
    inbox.next(count=2)


TF, ODOMETRY = "tf2_msgs/msg/TFMessage", "nav_msgs/msg/Odometry"


@pytest.mark.parametrize(
    ("poses", "named", "expected"),
    [
        ({"/tf": TF, "/odom": ODOMETRY}, "", ""),
        ({"/robot/tf": TF}, "", "/robot/tf"),
        ({"/odom": ODOMETRY}, "", "/odom"),
        ({"/tf": TF, "/odom": ODOMETRY}, "/odom", "/odom"),
    ],
)
def test_a_camera_and_its_poses_are_found(poses: dict[str, str], named: str, expected: str) -> None:
    there = {"/cam/image_raw": IMAGE, "/cam/camera_info": CAMERA_INFO, **poses}
    found = NamedVideo(pose_topic=named).find([Topic(name, Schema(kind)) for name, kind in there.items()])
    assert found.topics == {"image": CameraTopics("/cam/image_raw", "/cam/camera_info")}
    assert (found.namespace, found.pose_topic, found.transport) == ("/cam", expected, "raw")


def test_named_ones_are_not_looked_for() -> None:
    found = named_cameras(NamedVideo("/a/image_raw/compressed", "", "/vio"), "raw")
    assert found.topics == {"image": CameraTopics("/a/image_raw/compressed", "/a/camera_info")}
    assert (found.transport, found.namespace, found.pose_topic) == ("compressed", "/a", "/vio")
