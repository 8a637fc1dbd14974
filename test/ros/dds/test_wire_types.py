# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.dds.conventions import wire_type_name
from foundation_stereo_ros.ros.dds.wire_types import RawMessage, wire_type
from foundation_stereo_ros.ros.messages.cdr import Schema, store_of, typestore


def test_every_type_of_ros_can_be_on_the_wire() -> None:
    store = typestore("jazzy")
    for msgtype in store.fielddefs:
        made = wire_type(msgtype, store)
        made.__idl__.fill_type_data()
        assert made.__idl_typename__ == wire_type_name(msgtype)


def test_messages_pass_as_they_are() -> None:
    raw = wire_type("sensor_msgs/msg/Image", typestore()).deserialize(b"anything")
    assert isinstance(raw, RawMessage)
    assert raw.data == b"anything"


def test_a_type_of_a_recording() -> None:
    store = store_of(
        Schema("my_msgs/msg/Mine", "ros2msg", b"float32[<=4] values\nstring<=9 text\nbyte[3] b\n")
    )
    assert wire_type("my_msgs/msg/Mine", store).__idl_typename__ == "my_msgs::msg::dds_::Mine_"
    assert wire_type("my_msgs/msg/Mine", store) is wire_type("my_msgs/msg/Mine", store)


def test_types_that_cannot() -> None:
    with pytest.raises(WireError, match="no definition of the type my_msgs/msg/Other"):
        wire_type("my_msgs/msg/Other", typestore())
    wide = store_of(Schema("my_msgs/msg/Wide", "ros2msg", b"wstring text\n"))
    with pytest.raises(WireError, match=r"wstring|no definition"):
        wire_type("my_msgs/msg/Wide", wide)
