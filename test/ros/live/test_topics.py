# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import pytest

from foundation_stereo_ros.ros.live.topics import STEREO_CAMERAS, CameraTopics, camera_topics, sibling

NAMESPACE = "/rig"


def expand(name: str) -> str:
    return name if name.startswith("/") else f"{NAMESPACE}/{name}"


def resolver(rules: dict[str, str]) -> Callable[[str], str]:
    """Resolve as ROS does: expand, then one rule at most."""
    full = {expand(old): expand(new) for old, new in rules.items()}
    return lambda name: full.get(expand(name), expand(name))


def subscribed(side: str, transport: str, rules: dict[str, str]) -> CameraTopics:
    """Return the full topics that subscriptions with the found names get."""
    resolve = resolver(rules)
    return CameraTopics(*map(resolve, camera_topics(STEREO_CAMERAS[side], transport, resolve, expand)))


@pytest.mark.parametrize("side", ["left", "right"])
def test_names_of_stereo_image_proc_in_the_namespace(side: str) -> None:
    assert subscribed(side, "raw", {}) == (f"/rig/{side}/image_rect", f"/rig/{side}/camera_info")
    assert subscribed(side, "compressed", {}) == (
        f"/rig/{side}/image_rect/compressed",
        f"/rig/{side}/camera_info",
    )


def test_camera_info_follows_the_image() -> None:
    rules = {"left/image_rect": "/camera/infra1/image_rect_raw"}
    info = "/camera/infra1/camera_info"
    assert subscribed("left", "raw", rules) == ("/camera/infra1/image_rect_raw", info)
    assert subscribed("left", "compressed", rules) == ("/camera/infra1/image_rect_raw/compressed", info)
    assert subscribed("right", "raw", rules) == ("/rig/right/image_rect", "/rig/right/camera_info")


def test_camera_info_remapped_itself_stays() -> None:
    rules = {"left/image_rect": "/cam/left", "left/camera_info": "/calibration/left"}
    assert subscribed("left", "raw", rules) == ("/cam/left", "/calibration/left")


def test_compressed_topic_remapped_itself() -> None:
    rules = {"left/image_rect/compressed": "/cam/left/image/jpeg"}
    assert subscribed("left", "compressed", rules) == ("/cam/left/image/jpeg", "/cam/left/image/camera_info")
    beside = {"left/image_rect/compressed": "/cam/left/image/compressed"}
    assert subscribed("left", "compressed", beside).info == "/cam/left/camera_info"


def test_image_remapped_to_a_compressed_topic() -> None:
    rules = {"left/image_rect": "/cam/left/image/compressed"}
    assert subscribed("left", "compressed", rules) == ("/cam/left/image/compressed", "/cam/left/camera_info")


def test_exchanged_cameras_are_exchanged_once() -> None:
    rules = {"left/image_rect": "right/image_rect", "right/image_rect": "left/image_rect"}
    assert subscribed("left", "raw", rules) == ("/rig/right/image_rect", "/rig/right/camera_info")
    assert subscribed("right", "raw", rules) == ("/rig/left/image_rect", "/rig/left/camera_info")


def test_sibling() -> None:
    assert sibling("/a/b/image", "camera_info") == "/a/b/camera_info"
    assert sibling("/a/b/image/compressed", "camera_info") == "/a/b/camera_info"
    assert sibling("/image", "camera_info") == "/camera_info"
