# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.dds.names import (
    full_name,
    namespace_of,
    ros_topic,
    ros_type,
    wire_topic,
    wire_type_name,
)


def test_topics() -> None:
    assert wire_topic("/rig/left/image_rect") == "rt/rig/left/image_rect"
    assert ros_topic("rt/rig/left/image_rect") == "/rig/left/image_rect"
    assert [ros_topic(name) for name in ("ros_discovery_info", "rq/node/get_parametersRequest", "rtx/a")] == [
        "",
        "",
        "",
    ]


def test_types() -> None:
    assert wire_type_name("sensor_msgs/msg/Image") == "sensor_msgs::msg::dds_::Image_"
    assert ros_type("sensor_msgs::msg::dds_::Image_") == "sensor_msgs/msg/Image"
    assert ros_type("Shapes::Square") == "Shapes::Square"
    for name in ("a_b/msg/C_d", "tf2_msgs/msg/TFMessage", "p/srv/Add_Event"):
        assert ros_type(wire_type_name(name)) == name


@pytest.mark.parametrize(
    ("name", "namespace", "full"),
    [("a/b", "", "/a/b"), ("a/b", "/rig", "/rig/a/b"), ("/a/b", "/rig", "/a/b"), ("_x1", "", "/_x1")],
)
def test_full_names(name: str, namespace: str, full: str) -> None:
    assert full_name(name, namespace) == full


@pytest.mark.parametrize("name", ["", "/", "a//b", "/a/", "1a", "a b", "a__b", "ä", "a-b", "~a"])
def test_no_names(name: str) -> None:
    with pytest.raises(ConfigError, match="no name of a topic"):
        full_name(name)


def test_namespaces() -> None:
    assert [namespace_of(name) for name in ("", "/", "rig", "/rig/", "/a/b")] == [
        "",
        "",
        "/rig",
        "/rig",
        "/a/b",
    ]
