# SPDX-License-Identifier: Apache-2.0
"""The node of one camera on real ROS: poses late and lost, a jump, and a recording that loops."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posed_recordings import (
    BODY,
    CAMERA,
    MOUNT,
    START,
    TF,
    Written,
    images,
    pose_stamps,
    static_tf,
    tf,
    transform,
    way,
    write_recording,
)
from posed_scenes import small_clip

pytestmark = pytest.mark.ros

CLIP = small_clip(16)
SECOND = 10**9
LATE_NS = 50_000_000
GAP, JUMP = (START + 2 * SECOND, START + 36 * SECOND // 10), START + 5 * SECOND
SMALL = {"device": "cpu", "size": "64x96", "lost_after": 1, "every_frame": True}


@pytest.fixture(scope="module")
def ride(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording as robots make them: tf at 200 Hz and late, a gap, and a loop closure."""
    at, poses = way(CLIP), []
    closed = np.eye(4)
    closed[:3, 3] = (3.0, 0.0, 0.0)
    for stamp in pose_stamps(CLIP, rate_hz=200.0):
        camera = at.at(stamp)
        assert camera is not None
        body = (closed if stamp > JUMP else np.eye(4)) @ camera @ np.linalg.inv(MOUNT)
        if not GAP[0] < stamp < GAP[1]:
            poses.append(Written(stamp + LATE_NS, "/tf", TF, tf(transform(stamp, "odom", BODY, body))))
    path = tmp_path_factory.mktemp("ride") / "ride.mcap"
    return write_recording(path, [static_tf(), *images(CLIP), *poses])


@contextmanager
def played(stage: Any, recording: Path) -> Iterator[None]:
    command = (sys.executable, "-m", "foundation_stereo_ros.cli.main", "play", str(recording))
    player = stage.run(*command, "--loop", "--reliable")
    try:
        yield
    finally:
        player.interrupt()
        code = player.wait()
    assert code == 130


def test_a_gap_a_jump_and_a_loop_are_survived_and_told(stage: Any, ride: Path) -> None:
    words = ("-r", "image:=/cam/image_rect")
    node = stage.node(namespace="/cam", system="video", parameters=SMALL, words=words)
    depth, cloud = node.hear("depth/image_rect"), node.hear("points2")
    with played(stage, ride):
        report = node.reports(lambda r: "time went back" in r.values["last reset"] and r.count("results") > 5)
        assert report.values["poses"] == f"'{CAMERA}' in 'odom'"
        # In the gap, or waited too long for what comes after it: which one depends on the order of arrival.
        without = [v for key, v in report.values.items() if key.startswith("images without a pose")]
        assert sum(map(int, without)) >= 2
        assert report.count("resets") >= 3  # the gap, the jump, the loop
        assert report.values["stage pose p50"] != "none lately"
        node.log.wait_for(1, "the pose jumped by .* m and .* degrees: earlier frames are forgotten")
        before = len(depth.messages)
        depth.wait_for(count=before + 2)  # and it goes on
        assert {message.header.frame_id for message in (*depth.messages, *cloud.messages)} == {CAMERA}
        assert node.alive


def test_without_poses_it_says_so(stage: Any, ride: Path) -> None:
    words = ("-r", "image:=/cam/image_rect")
    parameters = {**SMALL, "pose_topic": "/odometry"}
    node = stage.node(namespace="/cam", system="video", parameters=parameters, words=words)
    node.hear("depth/image_rect")
    with played(stage, ride):
        report = node.reports(lambda r: "pose" in r.message)
        assert report.level == 1
        assert report.message.startswith(
            "no output: /odometry has no publisher, and so the images have no pose"
        )


def test_another_systems_parameter_is_no_parameter(stage: Any) -> None:
    node = stage.node(namespace="/cam", system="video", parameters={**SMALL, "iterations": 3, "vews": 2})
    node.log.wait_for(1, "there is no parameter vews; did you mean views")
    node.reports(lambda r: True)
