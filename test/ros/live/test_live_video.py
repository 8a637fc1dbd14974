# SPDX-License-Identifier: Apache-2.0
"""One camera that moves, from messages to messages: keyframes, skipped ones, jumps, and what is told."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from live_messages import TYPES, wait_until
from posed_recordings import tf, transform
from posed_scenes import small_clip, small_lean

from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.ros.live.advice import TopicFacts
from foundation_stereo_ros.ros.live.config import VideoLiveConfig
from foundation_stereo_ros.ros.live.core import Live, live_video
from foundation_stereo_ros.ros.live.status import OK, WARN
from foundation_stereo_ros.ros.live.video_intake import VideoIntake
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.depth import decode_depth
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.ros.messages.stamps import header_of, stamp_ns
from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline

CLIP = small_clip()
SECOND = 10**9
STEP = SECOND // 10


def estimator(**settings: Any) -> VideoEstimator:
    config = VideoSettings.from_mapping({"size": "64x96", "device": "cpu", **settings})
    return VideoEstimator(config, copy.deepcopy(small_lean()))


def send_pose(intake: VideoIntake, number: int, pose: np.ndarray | None = None) -> None:
    found = CLIP.poses[number % len(CLIP.poses)] if pose is None else pose
    intake.push_transforms(tf(transform(number * STEP, "odom", "camera", found)))


def send_image(intake: VideoIntake, number: int) -> None:
    header = header_of(TYPES, number * STEP, "camera")
    intake.push_info("image", encode_camera_info(TYPES, header, CLIP.camera))
    picture = CLIP.images[number % len(CLIP.images)]
    intake.push_image("image", encode_image(TYPES, header, picture, "rgb8"))


@pytest.fixture
def started(recorder: Any) -> Iterator[Callable[..., tuple[Live[VideoIntake], Any]]]:
    cores: list[Live[VideoIntake]] = []

    def start(*wanted: str, **settings: Any) -> tuple[Live[VideoIntake], Any]:
        outlet = recorder(*wanted)
        pipeline = VideoPipeline(estimator(**settings))
        core = live_video(pipeline, VideoLiveConfig(), TYPES, outlet, lambda: 10 * SECOND)
        cores.append(core)
        core.worker.start()
        wait_until("warm", lambda: core.worker.state != "warming up")
        return core, outlet

    yield start
    for core in cores:
        core.worker.stop(10.0)


def looked_at(core: Live[VideoIntake], number: int) -> None:
    """Wait until so many images were taken and done."""

    def done() -> bool:
        found = core.statistics.snapshot()
        return found.results + found.without_result + found.rejected + sum(found.skipped.values()) >= number

    wait_until(f"{number} images", done)


def test_the_depth_is_that_of_the_estimator(started: Any) -> None:
    core, outlet = started("depth/image_rect", "depth/camera_info", "confidence", "points2")
    for number in range(len(CLIP.images)):
        send_pose(core.intake, number)
        send_image(core.intake, number)
        looked_at(core, number + 1)
    alone = estimator()
    expected = {
        number * STEP: alone.step(PosedImage(image, CLIP.camera, pose))
        for number, (image, pose) in enumerate(zip(CLIP.images, CLIP.poses, strict=True))
    }
    expected = {stamp: made for stamp, made in expected.items() if made is not None}
    assert len(expected) == 5
    assert [stamp_ns(m["depth/image_rect"].header) for m in outlet.messages] == list(expected)
    for messages, made in zip(outlet.messages, expected.values(), strict=True):
        assert set(messages) == {"depth/image_rect", "depth/camera_info", "confidence", "points2"}
        np.testing.assert_array_equal(decode_depth(messages["depth/image_rect"]), made.depth)
        assert all(message.header.frame_id == "camera" for message in messages.values())
    status = core.status()
    assert status.level == OK
    values = dict(status.values)
    assert (values["poses"], values["no keyframe"], values["resets"]) == ("'camera' in 'odom'", "1", "0")
    assert "stage pose p50" in values and "input rate image" in values


def test_a_jump_among_images_for_which_there_was_no_time_is_noticed(started: Any) -> None:
    core, outlet = started("depth/image_rect")
    core.worker.enabled = False  # images are taken and not computed
    far = CLIP.poses[0].copy()
    far[0, 3] += 5.0
    for number, pose in enumerate([None, None, far, None]):
        send_pose(core.intake, number, pose)
        send_image(core.intake, number)
    looked_at(core, 1)
    wait_until("the jump", lambda: core.statistics.snapshot().resets == 2)  # there, and back
    found = core.statistics.snapshot()
    assert "the pose jumped by" in found.event and "earlier frames are forgotten" in found.event
    assert not outlet.messages


def test_poses_that_stay_away_are_told_and_the_reset_too(
    started: Any, caplog: pytest.LogCaptureFixture
) -> None:
    core, _ = started("depth/image_rect", lost_after=3)
    for number in (0, 1):
        send_pose(core.intake, number)
        send_image(core.intake, number)
        looked_at(core, number + 1)
    for number in range(2, 8):
        send_image(core.intake, number)
    for number in (8, 9):  # a gap before
        send_pose(core.intake, number)
    send_image(core.intake, 8)
    wait_until("the reset", lambda: core.statistics.snapshot().resets == 1)
    assert core.statistics.snapshot().event == "4 frames in a row have no pose: earlier frames are forgotten"
    assert "4 frames in a row have no pose" in caplog.text
    counts = core.intake.counts()
    assert counts.poses is not None
    assert dict(counts.poses.without) == {"gap": 6}


def test_a_loop_in_time_is_a_reset(started: Any) -> None:
    core, _ = started("depth/image_rect")
    for number in (100, 101):
        send_pose(core.intake, number)
        send_image(core.intake, number)
    looked_at(core, 1)
    for number in (0, 1):
        send_pose(core.intake, number)
        send_image(core.intake, number)
    wait_until("the reset", lambda: core.statistics.snapshot().event.startswith("time went back"))


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"/tf": TopicFacts("/tf")}, "no output: /tf has no publisher, and so the images have no pose"),
        (
            {"pose_topic": TopicFacts("/odom", 0, ("std_msgs/msg/String",), "nav_msgs/msg/Odometry")},
            "no output: /odom has messages of type std_msgs/msg/String, expected nav_msgs/msg/Odometry",
        ),
        ({}, "no output: the images have no pose: no transforms lead from 'camera' to any of 'odom'"),
    ],
)
def test_what_is_missing_is_told(
    started: Any, monkeypatch: pytest.MonkeyPatch, facts: Any, sentence: str
) -> None:
    monkeypatch.setattr("foundation_stereo_ros.ros.live.core._PATIENCE_S", 0.0)
    core, _ = started("depth/image_rect")
    if not facts:
        core.intake.push_transforms(tf(transform(0, "base", "camera", CLIP.poses[0])))
    send_image(core.intake, 0)
    status = core.status(facts)
    assert (status.level, status.message[: len(sentence)]) == (WARN, sentence)


def test_a_camera_that_stands_still_is_no_fault(started: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foundation_stereo_ros.ros.live.core._PATIENCE_S", 0.3)
    core, _ = started("depth/image_rect")
    numbers = iter(range(1000))

    def said() -> bool:
        number = next(numbers)
        send_pose(core.intake, number, CLIP.poses[0])
        send_image(core.intake, number)
        looked_at(core, number + 1)
        status = core.status()
        assert status.level == OK
        return status.message.startswith("the camera has not moved enough for a new keyframe for ")

    wait_until("it is said", said)
