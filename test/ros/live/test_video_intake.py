# SPDX-License-Identifier: Apache-2.0
"""Images that wait for their poses, and what becomes of those that nobody has time for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from posed_recordings import AXES, odometry, tf, transform
from posed_scenes import small_clip

from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.ros.live.config import VideoLiveConfig
from foundation_stereo_ros.ros.live.video_intake import PosedSet, VideoIntake
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.cdr import message_types
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.ros.messages.stamps import header_of

TYPES, CLIP = message_types(), small_clip()
TENTH = 100_000_000
CAMERA = "camera"


def at(x: float) -> np.ndarray:
    return pose_from_quaternion((x, 0, 0), (0, 0, 0, 1))


def send(intake: VideoIntake, tenths: int, frame: str = CAMERA) -> None:
    header = header_of(TYPES, tenths * TENTH, frame)
    intake.push_info("image", encode_camera_info(TYPES, header, CLIP.camera))
    intake.push_image("image", encode_image(TYPES, header, CLIP.images[0], "rgb8"))


def place(intake: VideoIntake, *tenths: float, fixed: str = "odom", child: str = CAMERA) -> None:
    """Say that the camera is at x metres at x tenths of a second."""
    for tenth in tenths:
        intake.push_transforms(tf(transform(round(tenth * TENTH), fixed, child, at(tenth))))


def taken(intake: VideoIntake) -> PosedSet | None:
    return intake.take(0.0)


def xs(poses: Any) -> list[float]:
    return [float(pose[0, 3]) for pose in poses]


def adds_up(intake: VideoIntake) -> None:
    """Every image is in one place."""
    counts = intake.counts()
    camera, poses = counts.cameras["image"], counts.poses
    assert poses is not None
    without = sum(poses.without.values())
    assert camera.images == counts.delivered + counts.overtaken + without + camera.unmatched + camera.waiting


def test_an_image_waits_for_its_pose() -> None:
    intake = VideoIntake()
    place(intake, 0, 1)
    send(intake, 2)
    assert taken(intake) is None
    assert intake.counts().cameras["image"].waiting == 1
    place(intake, 2.5)
    found = taken(intake)
    assert found is not None
    assert xs([found.pose]) == [pytest.approx(2.0)]
    assert (found.stamp_ns, found.passed, found.leading.header.frame_id) == (2 * TENTH, (), CAMERA)
    adds_up(intake)


def test_the_newest_with_a_pose_is_taken_and_the_poses_of_all_others_come_with_it() -> None:
    intake = VideoIntake(VideoLiveConfig(pose_gap=0.15))
    place(intake, 1, 2, 3)
    place(intake, 6, 7)  # nothing about 4 and 5
    for tenth in (1, 2, 3, 4, 5, 6, 7, 8):
        send(intake, tenth)
    found = taken(intake)
    assert found is not None
    assert found.stamp_ns == 7 * TENTH
    np.testing.assert_equal(xs(found.passed), [1, 2, 3, np.nan, np.nan, 6])
    counts = intake.counts()
    assert counts.poses is not None
    assert (counts.poses.posed, dict(counts.poses.without)) == (5, {"gap": 2})
    assert (counts.delivered, counts.overtaken, counts.cameras["image"].waiting) == (1, 4, 1)
    adds_up(intake)
    place(intake, 8.4)
    again = taken(intake)
    assert again is not None
    assert (again.stamp_ns, again.passed) == (8 * TENTH, ())


def test_images_without_a_pose_after_the_one_that_is_taken_come_with_the_next() -> None:
    intake = VideoIntake(VideoLiveConfig(pose_gap=0.15))
    place(intake, 1, 2, 3, 6, 7)
    for tenth in (1, 2, 3, 4):
        send(intake, tenth)
    first = taken(intake)
    assert first is not None
    assert (first.stamp_ns, xs(first.passed)) == (3 * TENTH, [1, 2])
    send(intake, 5)
    send(intake, 7)
    second = taken(intake)
    assert second is not None
    np.testing.assert_equal((second.stamp_ns, xs(second.passed)), (7 * TENTH, [np.nan, np.nan]))


def test_an_image_waits_no_longer_than_allowed() -> None:
    intake = VideoIntake(VideoLiveConfig(tf_timeout=0.25))
    place(intake, 0, 1)
    for tenth in (2, 3, 4):
        send(intake, tenth)
    assert intake.counts().cameras["image"].waiting == 3
    send(intake, 5)
    poses = intake.counts().poses
    assert poses is not None
    assert dict(poses.without) == {"not yet": 1}
    assert poses.why.startswith("the last pose of 'camera' in 'odom' is at 0.100 s")
    adds_up(intake)


@pytest.mark.parametrize(
    ("frames", "fixed"), [(("odom",), "odom"), (("map", "odom"), "odom"), (("world",), "")]
)
def test_the_fixed_frame_is_odom_at_once_and_another_one_later(frames: tuple[str, ...], fixed: str) -> None:
    intake = VideoIntake()
    above = dict(zip(("odom", "map"), frames[::-1], strict=False)) if len(frames) > 1 else {}
    if above:
        intake.push_transforms(tf(transform(0, "map", "odom", at(0))), static=True)
    place(intake, 1, 2, fixed=frames[-1])
    send(intake, 1)
    poses = intake.counts().poses
    assert poses is not None
    assert poses.source == (f"'camera' in {fixed!r}" if fixed else "")


def test_another_frame_is_taken_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    intake, now = VideoIntake(), [100.0]
    monkeypatch.setattr("foundation_stereo_ros.ros.live.video_intake.time.monotonic", lambda: now[0])
    place(intake, 1, 2, fixed="world")
    send(intake, 1)
    now[0] += 2.5
    send(intake, 2)
    poses = intake.counts().poses
    assert poses is not None
    assert (poses.source, poses.posed) == ("'camera' in 'world'", 2)


def test_frames_that_lead_nowhere_are_told() -> None:
    intake = VideoIntake()
    place(intake, 1, 2, fixed="base")
    send(intake, 1)
    poses = intake.counts().poses
    assert poses is not None
    assert poses.why == (
        "no transforms lead from 'camera' to any of 'odom', 'map', 'world': 'camera' is below 'base'"
    )


def test_poses_of_a_body_and_the_cameras_place_on_it() -> None:
    intake = VideoIntake(VideoLiveConfig(pose_topic="/odometry"))
    intake.push_transforms(tf(transform(0, "base", CAMERA, AXES["ros"])), static=True)
    for tenth in (1, 2):
        intake.push_body(odometry(tenth * TENTH, "odom", "base", at(tenth)))
    send(intake, 1)
    found = taken(intake)
    assert found is not None
    np.testing.assert_allclose(found.pose, at(1) @ AXES["ros"], atol=1e-12)
    poses = intake.counts().poses
    assert poses is not None
    assert poses.source == "'base' by /odometry"


def test_the_place_on_the_body_may_be_given() -> None:
    config = VideoLiveConfig(pose_topic="/odometry", camera_in_body="0 0 0.5 0 0 0 1")
    intake = VideoIntake(config)
    for tenth in (1, 2):
        intake.push_body(odometry(tenth * TENTH, "odom", "base", at(tenth)))
    send(intake, 1)
    found = taken(intake)
    assert found is not None
    assert found.pose[:3, 3].tolist() == [pytest.approx(1.0), 0.0, 0.5]


def test_after_a_jump_back_in_time_the_reset_reaches_the_next_that_has_a_pose() -> None:
    intake = VideoIntake()
    place(intake, *range(20, 30))
    send(intake, 28)
    assert taken(intake) is not None
    send(intake, 1)  # looped: no pose yet
    place(intake, 2, 3)
    send(intake, 3)
    found = taken(intake)
    assert found is not None
    assert (found.stamp_ns, found.reset) == (3 * TENTH, "time went back")
    adds_up(intake)


def test_poses_that_are_none_are_counted() -> None:
    intake = VideoIntake()
    intake.push_transforms(tf(transform(0, "odom", CAMERA, [0, 0, 0, 0, 0, 0, 0])))
    intake.push_body(None)
    counts = intake.counts()
    assert counts.poses is not None
    assert (counts.poses.messages, counts.poses.refused, counts.rejected) == (2, 1, 1)
    assert "'camera' in 'odom'" in counts.poses.reason
    assert counts.reason.startswith("pose: NoneType")


def test_clocks_that_do_not_fit_are_told() -> None:
    intake = VideoIntake()
    place(intake, *range(1000, 1005))
    send(intake, 1)
    poses = intake.counts().poses
    assert poses is not None
    assert "expected stamps of one clock" in poses.apart


def test_closed_it_drops_what_waits() -> None:
    intake = VideoIntake()
    place(intake, 0, 1)
    send(intake, 1)
    send(intake, 5)
    intake.close()
    assert taken(intake) is None
    place(intake, 6)
    assert taken(intake) is None
    adds_up(intake)
