# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.ros.live.advice import TopicFacts, why_no_output
from foundation_stereo_ros.ros.live.counts import CameraCounts, IntakeCounts, PoseCounts
from foundation_stereo_ros.ros.live.topics import STEREO_CAMERAS, VIDEO_CAMERAS
from foundation_stereo_ros.ros.sync import SIDES
from foundation_stereo_ros.ros.sync.synchronizer import Synchronizer

IMAGE, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
CAMERA = CameraCounts(STEREO_CAMERAS["left"], images=9, infos=9, image_rate=30, image_age=0.02, info_age=0.02)
INPUTS = ("left/image_rect", "right/image_rect", "left/camera_info", "right/camera_info")
BOTH = {side: dataclasses.replace(CAMERA, names=names) for side, names in STEREO_CAMERAS.items()}
NOTHING = {side: CameraCounts(names) for side, names in STEREO_CAMERAS.items()}
FINE = IntakeCounts(BOTH, sets=9, set_age=0.02)


def facts(**changes: dict[str, Any]) -> dict[str, TopicFacts]:
    """Four topics with one publisher each; changes are named as left_image_rect."""
    every = {
        name: TopicFacts(f"/rig/{name}", 1, (kind,), kind)
        for name in INPUTS
        for kind in [IMAGE if name.endswith("rect") else INFO]
    }
    for name, change in changes.items():
        key = name.replace("_", "/", 1)
        every[key] = dataclasses.replace(every[key], **change)
    return every


def counts(
    left: dict[str, Any] | None = None, right: dict[str, Any] | None = None, **rest: Any
) -> IntakeCounts:
    cameras = {
        "left": dataclasses.replace(BOTH["left"], **left or {}),
        "right": dataclasses.replace(BOTH["right"], **right or {}),
    }
    return dataclasses.replace(FINE, cameras=cameras, **rest)


NO_IMAGE: dict[str, Any] = {"images": 0, "image_age": None}
NO_INFO: dict[str, Any] = {"infos": 0, "info_age": None}
NO_PAIR: dict[str, Any] = {"sets": 0, "set_age": None}
NOBODY: dict[str, Any] = {"publishers": 0, "types": ()}


def test_where_pairs_come_there_is_nothing_to_say() -> None:
    assert why_no_output(facts(), FINE) == ()
    assert why_no_output({}, FINE) == ()


def test_calibrations_that_came_once_are_fine() -> None:
    assert why_no_output(facts(left_camera_info=NOBODY), counts(left={"info_age": 500.0})) == ()


def test_a_topic_without_publisher_is_named() -> None:
    (sentence,) = why_no_output(facts(right_image_rect=NOBODY), counts(right=NO_IMAGE, **NO_PAIR))
    assert sentence.startswith(
        "/rig/right/image_rect has no publisher; start the camera, or remap right/image_rect"
    )
    assert "set image_transport to compressed" in sentence
    (sentence,) = why_no_output(facts(left_camera_info=NOBODY), counts(left=NO_INFO))
    assert sentence.startswith("/rig/left/camera_info has no publisher")
    assert "compressed" not in sentence


def test_a_publisher_that_has_died_is_noticed() -> None:
    dead = counts(left={"image_age": 12.3}, set_age=12.3)
    (sentence,) = why_no_output(facts(left_image_rect=NOBODY), dead)
    assert "/rig/left/image_rect has no publisher" in sentence


def test_all_that_is_missing_is_said_images_first() -> None:
    nothing = IntakeCounts(NOTHING)
    advice = why_no_output(facts(**{name.replace("/", "_"): NOBODY for name in INPUTS}), nothing)
    assert [sentence.split()[0] for sentence in advice] == [f"/rig/{name}" for name in INPUTS]


@pytest.mark.parametrize(
    ("expected", "published", "remedy"),
    [
        (IMAGE, "sensor_msgs/msg/CompressedImage", "set image_transport to compressed"),
        ("sensor_msgs/msg/CompressedImage", IMAGE, "set image_transport to raw"),
        (IMAGE, "sensor_msgs/msg/PointCloud2", "remap left/image_rect to another topic"),
    ],
)
def test_a_publisher_of_another_type(expected: str, published: str, remedy: str) -> None:
    wrong = {"publishers": 0, "types": (published,), "expected_type": expected}
    (sentence,) = why_no_output(facts(left_image_rect=wrong), counts(left=NO_IMAGE, **NO_PAIR))
    assert sentence == f"/rig/left/image_rect has messages of type {published}, expected {expected}; {remedy}"


def test_an_incompatible_publisher() -> None:
    (sentence,) = why_no_output(
        facts(left_image_rect={"incompatible": "RELIABILITY"}), counts(left=NO_IMAGE, **NO_PAIR)
    )
    assert "RELIABILITY QoS does not match" in sentence
    assert "qos_overrides./rig/left/image_rect.subscription.reliability" in sentence


def test_an_incompatible_publisher_beside_a_good_one_does_not_matter() -> None:
    assert why_no_output(facts(left_image_rect={"incompatible": "RELIABILITY"}), FINE) == ()


def test_a_publisher_that_is_silent() -> None:
    (sentence,) = why_no_output(facts(), counts(left={**NO_IMAGE, "info_age": 9.0}, **NO_PAIR))
    assert "/rig/left/image_rect: no image has come, though it has a publisher; is the camera" in sentence
    (sentence,) = why_no_output(facts(), counts(left={"image_age": 7.2, "info_age": 7.2}, set_age=7.2))
    assert "no image has come for 7 s" in sentence
    assert why_no_output(facts(), counts(left={"image_age": 2.9}, set_age=2.9)) == ()


def test_a_camera_of_which_calibrations_come_and_no_images() -> None:
    """Large messages get lost before small ones."""
    (sentence,) = why_no_output(facts(), counts(left=NO_IMAGE, **NO_PAIR))
    assert sentence.startswith("/rig/left/image_rect: no image has come, but its camera_info comes")
    assert "option reliable" in sentence


def test_images_without_calibration() -> None:
    (sentence,) = why_no_output(facts(), counts(right=NO_INFO))
    assert sentence.startswith("/rig/right/camera_info: no calibration has come, though it has a publisher")
    assert "only if it is latched" in sentence


@pytest.mark.parametrize(
    ("nearest_ms", "slop"), [(0.4, "0.001"), (12.3, "0.016"), (100, "0.125"), (900, "1"), (1000, "1")]
)
def test_stamps_that_never_fit(nearest_ms: float, slop: str) -> None:
    (sentence,) = why_no_output(facts(), counts(**NO_PAIR, nearest_ns=int(nearest_ms * 1e6)))
    assert f"{nearest_ms:.3g} ms apart" in sentence
    assert f"approximate_sync to true and slop to {slop}" in sentence
    assert float(slop) * 1000 >= nearest_ms


@pytest.mark.parametrize("nearest_ms", [26, 33.3, 200])
def test_stamps_farther_apart_than_those_of_one_camera(nearest_ms: float) -> None:
    """Of different moments: pairing them would give wrong depths."""
    lossy = counts(
        {"step_ns": 33_300_000}, {"step_ns": 66_600_000}, **NO_PAIR, nearest_ns=int(nearest_ms * 1e6)
    )
    (sentence,) = why_no_output(facts(), lossy)
    assert "may get lost on the way" in sentence
    assert "option reliable" in sentence
    assert "approximate_sync" not in sentence


def test_cameras_that_are_not_triggered_together_lose_nothing() -> None:
    free = counts({"step_ns": 33_300_000}, {"step_ns": 33_300_000}, **NO_PAIR, nearest_ns=16_600_000)
    (sentence,) = why_no_output(facts(), free)
    assert "approximate_sync to true and slop to 0.021" in sentence


@settings(max_examples=60, deadline=None)
@given(
    st.floats(5, 60),
    st.floats(0.3, 3),
    st.floats(0.05, 0.95),
    st.floats(0, 0.3),
    st.integers(0, 4),
    st.randoms(),
)
def test_free_running_cameras_are_not_told_of_losses(rate, ratio, phase, tremble, bursts, random) -> None:
    """At their own rates, with stamps that tremble and frames that come in bursts."""
    streams = Synchronizer(SIDES, policy="newest")
    stamps = []
    for side, hertz, offset in (("left", rate, 0.0), ("right", rate * ratio, phase)):
        for number in range(int(3 * hertz)):
            shift = random.uniform(-tremble, tremble) / 2
            stamps.append((round((number + offset + shift) / hertz * 1e9), side))
    for stamp, side in random.sample(stamps, bursts):
        stamps.append((stamp + 900_000, side))
    for stamp, side in sorted(stamps):
        streams.push_calibration(side, stamp, side)
        streams.push(side, stamp, side)
    found = counts(
        *({"step_ns": streams.step_ns(side)} for side in SIDES), **NO_PAIR, nearest_ns=streams.nearest_ns
    )
    assert not any("reliable" in sentence for sentence in why_no_output(facts(), found))


@settings(max_examples=60, deadline=None)
@given(st.floats(5, 60), st.floats(0.1, 0.5), st.randoms())
def test_triggered_cameras_that_lose_images_are_told(rate, lost, random) -> None:
    """Of every pair one image is lost at least."""
    streams = Synchronizer(SIDES, policy="newest")
    for number in range(int(3 * rate)):
        side = random.choice(SIDES)
        if random.random() > lost:
            streams.push(side, round(number / rate * 1e9), side)
    steps = [streams.step_ns(side) for side in SIDES]
    found = counts(*({"step_ns": step} for step in steps), **NO_PAIR, nearest_ns=streams.nearest_ns)
    if streams.nearest_ns and any(step and step < 1.1e9 / rate for step in steps):
        assert any("reliable" in sentence for sentence in why_no_output(facts(), found))


def test_clocks_that_differ() -> None:
    (sentence,) = why_no_output(facts(), counts(set_age=100.0, nearest_ns=3_600_000_000_000))
    assert "3600.0 s apart" in sentence
    assert "clocks" in sentence
    assert "approximate_sync" not in sentence


def test_a_queue_that_is_too_short() -> None:
    (sentence,) = why_no_output(facts(), counts(**NO_PAIR, nearest_ns=0))
    assert "raise queue_size" in sentence


def test_without_facts_topics_are_called_by_their_relative_names() -> None:
    (sentence,) = why_no_output({}, counts(right=NO_IMAGE, **NO_PAIR))
    assert sentence.startswith("right/image_rect: no image has come")


POSES = PoseCounts(messages=100, posed=50, age=0.02)
MOVING = IntakeCounts(
    {"image": dataclasses.replace(CAMERA, names=VIDEO_CAMERAS["image"])}, sets=9, set_age=0.02, poses=POSES
)
TREE = TopicFacts("/tf", 1, ("tf2_msgs/msg/TFMessage",), "tf2_msgs/msg/TFMessage")
TF = {"/tf": TREE}
BODY = TopicFacts("/vio", 1, ("nav_msgs/msg/Odometry",), "nav_msgs/msg/Odometry or ...")


def of_poses(**changes: Any) -> IntakeCounts:
    return dataclasses.replace(MOVING, poses=dataclasses.replace(POSES, **{"age": None, **changes}))


@pytest.mark.parametrize(
    ("topics", "changes", "sentence"),
    [
        (
            {"/tf": TREE},
            {"why": "no transforms lead from 'a' to 'b'"},
            "no transforms lead from 'a' to 'b'; set",
        ),
        (
            {"/tf": TREE},
            {"why": "late", "without": {"not yet": 5, "gap": 2}},
            "late; if the poses are late",
        ),
        (
            {"/tf": TREE},
            {"why": "far", "without": {"gap": 3}, "age": 9.0},
            "far; if the poses come seldom, raise",
        ),
        (TF, {"apart": "two clocks", "why": "late", "without": {"not yet": 5}}, "two clocks"),
        (TF, {"reason": "a pose is zeros"}, "the last pose is none: a pose is zeros"),
        (TF, {"messages": 0}, "none has come yet"),
        (
            {"pose_topic": BODY, "/tf": dataclasses.replace(TREE, publishers=0)},
            {"why": "no transforms lead from 'base' to 'cam'", "without": {"not connected": 9}},
            "no transforms lead from 'base' to 'cam'; publish the camera's place on the body on /tf_",
        ),
    ],
)
def test_why_images_have_no_pose(topics: Any, changes: Any, sentence: str) -> None:
    (told,) = why_no_output(topics, of_poses(**changes))
    assert told.startswith(f"the images have no pose: {sentence}")
    assert ("two clocks" in sentence) == told.endswith("two clocks")


def test_images_with_poses_lack_nothing() -> None:
    assert why_no_output({"/tf": dataclasses.replace(TREE, publishers=0)}, MOVING) == ()
