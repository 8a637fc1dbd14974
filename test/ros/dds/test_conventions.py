# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.ros.dds.conventions import (
    NodePresence,
    Presence,
    decode_presence,
    encode_presence,
    id_size_of,
    ros_topic,
    ros_type,
    store_of_ids,
    type_hash_data,
    wire_topic,
    wire_type_name,
)

IDS = st.binary(min_size=16, max_size=16)
NODES = st.builds(
    NodePresence,
    st.sampled_from(["/", "/rig", "/a/b"]),
    st.text("abc_1", min_size=1, max_size=9),
    st.lists(IDS, max_size=3).map(tuple),
    st.lists(IDS, max_size=3).map(tuple),
)


@given(IDS, st.lists(NODES, max_size=3).map(tuple), st.sampled_from([16, 24]), st.booleans())
def test_both_forms_are_told_apart(
    participant: bytes, nodes: tuple[NodePresence, ...], size: int, padded: bool
) -> None:
    presence = Presence(participant, nodes, size)
    data = encode_presence(presence)
    found = decode_presence(data + bytes(-len(data) % 4) if padded else data)
    assert found == presence


def test_known_bytes() -> None:
    presence = Presence(bytes(range(16)), (NodePresence("", "n"),), 16)
    counts = b"\x00\x00" + bytes(4) + bytes(4)
    text = b"\x02\x00\x00\x00/\x00\x00\x00" + b"\x02\x00\x00\x00n\x00"
    assert encode_presence(presence) == (
        b"\x00\x01\x00\x00" + bytes(range(16)) + b"\x01\x00\x00\x00" + text + counts
    )


@given(st.binary(max_size=80))
def test_anything_may_come(data: bytes) -> None:
    decode_presence(data)
    decode_presence(b"\x00\x01\x00\x00" + data)


@pytest.mark.parametrize(("distribution", "size"), [("humble", 24), ("jazzy", 16), ("lyrical", 16), ("", 0)])
def test_size_of_ids(distribution: str, size: int) -> None:
    assert id_size_of(distribution) == size


def test_hash_of_a_type() -> None:
    # As `ros2 topic info -v` shows it in Jazzy.
    image = b"RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"
    assert type_hash_data("sensor_msgs/msg/Image", store_of_ids(16)) == b"typehash=" + image + b";"


def test_names_of_topics() -> None:
    assert wire_topic("/rig/left/image_rect") == "rt/rig/left/image_rect"
    assert ros_topic("rt/rig/left/image_rect") == "/rig/left/image_rect"
    assert [ros_topic(name) for name in ("ros_discovery_info", "rq/node/get_parametersRequest", "rtx/a")] == [
        "",
        "",
        "",
    ]


def test_names_of_types() -> None:
    assert wire_type_name("sensor_msgs/msg/Image") == "sensor_msgs::msg::dds_::Image_"
    assert ros_type("sensor_msgs::msg::dds_::Image_") == "sensor_msgs/msg/Image"
    assert ros_type("Shapes::Square") == "Shapes::Square"
    for name in ("a_b/msg/C_d", "tf2_msgs/msg/TFMessage", "p/srv/Add_Event"):
        assert ros_type(wire_type_name(name)) == name
