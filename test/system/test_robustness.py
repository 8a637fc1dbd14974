# SPDX-License-Identifier: Apache-2.0
"""What cameras do wrong: the node says what it is, lives, and the next good pair gives a result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.ros

GOOD: dict[str, Any] = {
    "rate": 10.0,
    "count": -1,
    "first_stamp": -1,
    "apart_ms": 0.0,
    "images": ["left", "right"],
    "infos": ["left", "right"],
    "lossy": False,
    "encoding": "rgb8",
    "right_rows": 0,
    "p": {},
}


@pytest.fixture(scope="module")
def running(module_stage) -> tuple[Any, Any]:
    """One node for all: it lives through everything."""
    node = module_stage.node()
    return node, node.hear("disparity")


@pytest.fixture
def camera(module_stage, running, small_scene) -> Iterator[Any]:
    """A camera that is good before the test and after it, when a result must come."""
    node, disparity = running
    camera = module_stage.camera(**GOOD)
    disparity.next()
    yield camera
    if camera.alive:
        camera.send(scene=small_scene, **GOOD)
        disparity.next(lambda m: m.image.width == 64, count=2)
        camera.stop()
    assert node.alive and node.state == "active"


BAD = {
    "sizes that differ": (
        {"right_rows": 8},
        "left image is 64 x 48 and right image is 64 x 40 pixels; expected the same size",
    ),
    "an unknown encoding": ({"encoding": "rgb9"}, "image has encoding 'rgb9'; expected one of"),
    "an encoding that does not fit": ({"encoding": "rgba8"}, "rgba8"),
    "NaN in P": ({"p": {"right": {"0": float("nan")}}}, "expected finite numbers"),
    "no baseline": ({"p": {"right": {"3": 0.0}}}, "baseline is 0 m; expected a positive length"),
    "sides swapped": ({"p": {"right": {"3": 10.0}}}, "swap the left and the right topics"),
    "no focal length": ({"p": {"left": {"0": 0.0}}}, "left camera"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_pairs_are_rejected_with_the_reason(running, camera, what: str) -> None:
    orders, reason = BAD[what]
    node, _ = running
    camera.send(**orders)
    report = node.reports(lambda r: reason in r.values["last reason"])
    assert report.count("rejected") > 0
    node.log.wait_for(1, rf"\[WARN\].*pair rejected.*{re.escape(reason)}")


def test_the_status_is_an_error_where_no_pair_can_be_used(running, camera) -> None:
    node, _ = running
    camera.send(encoding="rgb9")
    report = node.reports(lambda r: r.level == 2)
    assert "no pair can be used: image has encoding 'rgb9'" in report.message


def test_an_unusual_baseline_is_a_warning_and_said_once(running, camera) -> None:
    node, disparity = running
    camera.send(p={"right": {"3": -60 * 51.2}})  # fx is 51.2 pixels
    assert disparity.next(lambda m: m.t == pytest.approx(60.0)).t == pytest.approx(60.0)
    sentence = "baseline is 60 m, which is unusual: are these millimetres?"
    assert node.reports(lambda r: r.message == sentence).level == 1
    disparity.next(count=5)
    assert len(node.log.wait_for(1, rf"\[WARN\].*{re.escape(sentence)}")) == 1


def test_a_baseline_given_at_run_time_makes_up_for_a_missing_one(running, camera) -> None:
    node, disparity = running
    camera.send(p={"right": {"3": 0.0}})
    node.reports(lambda r: "baseline" in r.values["last reason"])
    assert node.set(baseline=0.25) == []
    assert disparity.next(lambda m: m.t != pytest.approx(0.12)).t == pytest.approx(0.25)
    assert node.set(baseline=0.0) == []


def test_size_and_calibration_may_change(running, camera, other_scene) -> None:
    _, disparity = running
    before = disparity.next()
    camera.send(scene=other_scene)
    after = disparity.next(lambda m: m.image.width == 96)
    assert (after.image.width, after.image.height) == (96, 64)
    assert after.f == pytest.approx(before.f * 96 / 64)
    camera.send(p={"right": {"3": -0.5 * after.f}})
    changed = disparity.next(lambda m: m.t != pytest.approx(0.12))
    assert changed.t == pytest.approx(0.5)


def test_calibration_is_kept(running, camera) -> None:
    _, disparity = running
    camera.send(infos=[])
    disparity.next(count=5)


def test_stamps_that_differ(running, camera) -> None:
    from ros_listener import stamp_of

    node, disparity = running
    camera.send(apart_ms=7.0)
    report = node.reports(lambda r: "approximate_sync" in r.message)
    assert report.level == 1 and "7 ms apart" in report.message
    node.log.wait_for(1, r"\[WARN\].*7 ms apart.*approximate_sync to true and slop to 0.009")
    assert report.count("unsynchronized left") > 0
    assert node.set(approximate_sync=True, slop=0.01) == []
    assert camera.has_sent([stamp_of(disparity.next())])
    assert node.set(approximate_sync=False) == []


def test_images_that_get_lost(running, camera) -> None:
    """As large ones do on a busy machine; pairing images of different moments would be no help."""
    node, _ = running
    camera.send(lossy=True)
    report = node.reports(lambda r: "may get lost on the way" in r.message)
    assert report.level == 1
    assert "approximate_sync" not in report.message


def test_all_images_of_a_side_get_lost(running, camera) -> None:
    node, _ = running
    camera.send(images=["left"])
    report = node.reports(lambda r: "may get lost on the way" in r.message)
    assert "/stereo/right/image_rect: no image has come for" in report.message


def test_a_camera_that_dies_and_comes_again(running, camera, module_stage) -> None:
    node, disparity = running
    camera.kill()
    report = node.reports(lambda r: "no image has come for" in r.message)
    assert report.level == 1
    again = module_stage.camera()
    disparity.next(count=2)
    again.stop()


def test_one_camera_of_the_two_dies(running, camera) -> None:
    node, disparity = running
    camera.send(images=["left"], infos=["left"])
    report = node.reports(lambda r: "/stereo/right/image_rect: no image has come for" in r.message)
    assert report.level == 1 and "is the camera running" in report.message
    camera.send(images=["left", "right"], infos=["left", "right"])
    disparity.next()


@pytest.mark.parametrize("queue_size", [1, 10])
def test_time_that_jumps_back(running, camera, queue_size: int) -> None:
    """As a looped recording does, with images of one side left over at its end."""
    node, disparity = running
    begin = 1_000_000_000_000

    def of_the_recording(message: Any) -> bool:
        return message.header.stamp.sec < 1060

    jumps = node.reports().count("time jumps")
    assert node.set(queue_size=queue_size) == []
    for _ in range(3):
        camera.send(first_stamp=begin, images=["left", "right"])
        disparity.next(of_the_recording)
        camera.send(first_stamp=begin + 10_000_000_000, images=["left"])
        camera.wait_for_more(queue_size + 2)
    camera.send(first_stamp=begin, images=["left", "right"])
    disparity.next(of_the_recording, count=3)
    assert node.reports().count("time jumps") >= jumps + 3
    assert node.set(queue_size=10) == []


def test_a_calibration_that_never_comes_is_named(stage) -> None:
    node = stage.node()
    disparity = node.hear("disparity")
    camera = stage.camera(infos=["left"])
    node.log.wait_for(1, r"\[WARN\].*no output: /stereo/right/camera_info: no calibration has come")
    report = node.reports(lambda r: "/stereo/right/camera_info" in r.message)
    assert report.level == 1 and report.count("results") == 0
    camera.send(infos=["left", "right"])
    disparity.wait_for()


def test_a_topic_that_nobody_publishes_is_named(stage) -> None:
    node = stage.node(words=("-r", "right/camera_info:=elsewhere/info"))
    node.hear("disparity")
    stage.camera()
    (line,) = node.log.wait_for(1, r"\[WARN\].*has no publisher")
    assert "/stereo/elsewhere/info has no publisher" in line
    assert "remap right/camera_info" in line
    assert node.reports(lambda r: "/stereo/elsewhere/info" in r.message).level == 1
