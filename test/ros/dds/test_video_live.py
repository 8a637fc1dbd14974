# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo live --system video`` from outside: a recording is played to it, over real topics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from posed_recordings import (
    BODY,
    CAMERA,
    ODOMETRY,
    body_poses,
    image_stamps,
    images,
    moving_tf,
    odometry,
    pose_stamps,
    static_tf,
    write_recording,
)
from posed_scenes import small_clip
from wire_stage import WireStage

from foundation_stereo_ros.ros.bags.reader import read_messages
from foundation_stereo_ros.ros.messages.depth import decode_depth
from foundation_stereo_ros.ros.messages.stamps import stamp_ns

CLIP = small_clip()
LATE_NS = 60_000_000
"""How much later than the image its pose comes."""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    poses = moving_tf(CLIP, pose_stamps(CLIP), LATE_NS)
    path = tmp_path_factory.mktemp("walk") / "walk.mcap"
    return write_recording(path, [static_tf(), *images(CLIP), *poses])


def test_camera_and_transforms_are_found_and_late_poses_waited_for(
    stage: WireStage, walk: Path, tmp_path: Path
) -> None:
    node = stage.live("--system", "video", "--device", "cpu", "--size", "64x96")
    node.said.wait_for(1, "looking for a camera and its poses")
    out = tmp_path / "out.mcap"
    names = ("/cam/depth/image_rect", "/cam/depth/camera_info", "/cam/points2", "/cam/confidence")
    recorder = stage.run("record", *names, "-o", str(out))
    stage.run("play", str(walk), "--loop", "--reliable")
    recorder.said.wait_for(len(names), r"^  /cam/")
    report = node.reports(lambda r: r.count("results") >= 3 and r.count("resets") >= 1)
    assert report.values["poses"] == f"'{CAMERA}' in 'odom'"
    assert "time went back" in report.values["last reset"]
    recorder.interrupt()
    assert recorder.wait() == 0
    stamps = dict(zip(image_stamps(CLIP), range(len(CLIP.images)), strict=True))
    seen = set()
    for topic, message, _ in read_messages(out):
        assert stamp_ns(message.header) in stamps
        assert message.header.frame_id == CAMERA
        seen.add(topic)
        if topic.endswith("depth/image_rect"):
            depth, truth = decode_depth(message), CLIP.depths[stamps[stamp_ns(message.header)]]
            known = np.isfinite(depth) & np.isfinite(truth)
            # A small network, on small images that it was not made for: the scale is right.
            assert known.mean() > 0.3
            assert np.median(np.abs(np.log(depth[known] / truth[known]))) < 0.5
    assert seen == set(names)
    assert str(node.log).count("time went back: earlier frames are forgotten") == 1


def test_poses_of_a_topic_that_comes_later(stage: WireStage, tmp_path: Path) -> None:
    poses = body_poses(
        CLIP, pose_stamps(CLIP), lambda t, p: odometry(t, "odom", BODY, p), "/wheels/odom", ODOMETRY
    )
    path = write_recording(tmp_path / "odom.mcap", [static_tf(), *images(CLIP), *poses])
    words = ("--image", "/cam/image_rect", "--pose-topic", "/wheels/odom", "--device", "cpu")
    node = stage.live("--system", "video", *words, "--size", "64x96")
    heard = stage.hear("/cam/depth/image_rect")
    report = node.reports(lambda r: "no output" in r.message)
    assert "/cam/image_rect has no publisher" in report.message
    stage.run("play", str(path), "--loop", "--reliable")
    heard.wait_for(count=2)
    report = node.reports(lambda r: r.count("results") >= 2)
    assert report.values["poses"] == f"'{BODY}' by /wheels/odom"


def test_flags_of_the_other_system_are_refused(stage: WireStage) -> None:
    node = stage.live("--system", "video", "--iterations", "3")
    assert node.wait() == 1
    node.log.wait_for(1, "--iterations is for --system stereo; expected none with --system video")
