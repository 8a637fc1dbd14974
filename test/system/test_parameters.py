# SPDX-License-Identifier: Apache-2.0
"""Parameters as ``ros2 param`` sees and sets them, and what they do."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from foundation_stereo_ros.estimate.config import settings
from foundation_stereo_ros.estimate.setting import settings_of
from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.messages.depth import decode_depth

pytestmark = pytest.mark.ros

ALL = (*settings(), *settings_of(StereoLiveConfig))


@pytest.fixture(scope="module")
def node(module_stage) -> Any:
    return module_stage.node(parameters={"device": "cpu", "iterations": 1, "z_far": 50})


@pytest.fixture(scope="module")
def camera(module_stage, node) -> Any:
    return module_stage.camera()


def test_described(node) -> None:
    described = node.describe(*(setting.parameter for setting in ALL))
    for setting, descriptor in zip(ALL, described, strict=True):
        assert descriptor.name == setting.parameter
        assert descriptor.description.startswith(setting.description)
        assert descriptor.read_only is not setting.dynamic
        if setting.choices:
            assert all(choice in descriptor.additional_constraints for choice in setting.choices)
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        limits = [(setting.min, setting.max)] if setting.type in (int, float) else []
        assert [(r.from_value, r.to_value) for r in ranges] == limits


def test_a_whole_number_does_for_a_float(node) -> None:
    (at_start,) = node.get("z_far")
    assert at_start == 50.0 and type(at_start) is float
    assert node.set(z_far=60) == []
    (now,) = node.get("z_far")
    assert now == 60.0 and type(now) is float


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("iterations", 1000, "1000"),
        ("scale", 0.01, "0.01"),
        ("z_near", 500.0, "z_near is 500.0; expected less than z_far"),
        ("z_far", "far", "far"),
        ("iterations", 2.5, "2.5"),
        ("depth_encoding", "8UC1", "expected one of 32FC1, 16UC1"),
        ("confidence", 1, "1"),
        ("checkpoint", "other.safetensors", "read-only|while running"),
        ("device", "cuda", "read-only|while running"),
        ("autostart", False, "read-only|while running"),
        ("slop", -1.0, "-1"),
        ("queue_size", 0, "0"),
        ("z_far", math.nan, "nan"),
        ("z_far", None, "z_far is None"),  # as by `ros2 param delete`
        ("iterations", True, "iterations is True"),
    ],
)
def test_refused_with_the_reason(node, name: str, value: Any, reason: str) -> None:
    before = node.get(name)
    (said,) = node.set(**{name: value})
    assert re.search(reason, said), said
    assert node.get(name) == before


def test_atomic_sets_are_judged_together(node) -> None:
    before = node.get("z_near", "z_far")
    assert len(node.set(z_near=200.0, z_far=300.0)) == 1  # one after the other: the first one is too much
    assert node.set(atomically=True, z_near=250.0, z_far=350.0) == []
    assert node.get("z_near", "z_far") == [250.0, 350.0]
    (said,) = node.set(atomically=True, z_near=0.5, z_far=0.4)
    assert "z_near is 0.5; expected less than z_far" in said
    assert node.get("z_near", "z_far") == [250.0, 350.0]
    assert node.set(atomically=True, z_near=before[0], z_far=before[1]) == []


def test_they_take_effect_with_the_next_pair(node, camera) -> None:
    depth, info = node.hear("depth/image_rect"), node.hear("depth/camera_info")
    far = np.nanmax(decode_depth(depth.next(count=2)))

    def after_the_next() -> Any:
        # One result may be on its way here, and one in the making.
        depth.clear()
        info.clear()
        return depth.wait_for(count=3)

    limit = round(float(far) * 0.8, 2)
    assert node.set(z_far=limit) == []
    assert np.nanmax(decode_depth(after_the_next())) <= limit
    assert node.set(z_far=100.0, depth_encoding="16UC1") == []
    message = after_the_next()
    assert message.encoding == "16UC1"
    assert np.nanmax(decode_depth(message)) > limit
    assert node.set(depth_encoding="32FC1", scale=0.5, full_resolution=False) == []
    message = after_the_next()
    assert (message.width, message.height) == (32, 24)
    assert info.wait_for(count=3).width == 32
    assert node.set(scale=1.0, full_resolution=True) == []
    assert after_the_next().width == 64


def test_cloud_parameters(node, camera) -> None:
    points = node.hear("points2")

    def after_the_next() -> Any:
        points.clear()
        return points.wait_for(count=3)

    assert node.set(cloud_stride=4) == []
    cloud = after_the_next()
    assert (cloud.width, cloud.height) == (16, 12)
    assert node.set(cloud_stride=1, point_cloud__organized=False) == []
    cloud = after_the_next()
    assert cloud.height == 1 and cloud.is_dense
    assert node.set(voxel_size=0.5) == []
    assert after_the_next().width < cloud.width / 2
    assert node.set(voxel_size=0.0, point_cloud__organized=True) == []
    assert after_the_next().height == 48


def test_rate_limit(node, camera) -> None:
    """By the cameras' stamps: of 20 pairs a second few become results, also on a busy machine."""
    camera.send(rate=20.0)
    assert node.set(publish_rate_limit=0.4) == []
    depth = node.hear("depth/image_rect")
    depth.wait_for(count=2)
    depth.clear()
    depth.wait_for(count=3)
    stamps = np.array(depth.stamps[:3])
    node.reports(lambda r: r.count("skipped, rate limit") > 0)
    assert node.set(publish_rate_limit=0.0) == []
    camera.send(rate=10.0)
    assert np.diff(stamps).min() > 1e9


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [("scale", 7.0, "scale is 7"), ("z_far", 0.05, "z_near"), ("iterations", "many", "iterations is 'many'")],
)
def test_a_wrong_value_at_the_start_ends_it_with_one_line(stage, name: str, value: Any, reason: str) -> None:
    node = stage.node(parameters={name: value})
    assert node.wait() == 1
    (line,) = node.log.lines
    assert reason in line


def test_the_file_of_all_parameters(stage, root) -> None:
    node = stage.node(parameters={}, words=("--params-file", str(root / "config" / "stereo.yaml")))
    assert node.get(*(setting.parameter for setting in ALL)) == [setting.default for setting in ALL]
    assert not [line for line in node.log.lines if "[WARN]" in line or "[ERROR]" in line]


def test_a_misspelled_parameter_is_told(stage) -> None:
    node = stage.node(parameters={"device": "cpu", "zfar": 20.0})
    node.log.wait_for(1, r"\[WARN\].*no parameter zfar; did you mean z_far")
