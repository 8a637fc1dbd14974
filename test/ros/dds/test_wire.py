# SPDX-License-Identifier: Apache-2.0
"""Publishers and subscriptions of one node, through Cyclone DDS."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from cyclonedds.domain import DomainParticipant
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from ros_processes import RosProcess
from waiting import wait_until
from wire_stage import local

from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.dds.conventions import (
    DISCOVERY_TOPIC,
    DISCOVERY_TYPE,
    decode_presence,
    store_of_ids,
)
from foundation_stereo_ros.ros.dds.environment import wire_settings
from foundation_stereo_ros.ros.dds.qos import SENSOR, Profile
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.dds.wire_types import RawMessage, wire_type
from foundation_stereo_ros.ros.messages.cdr import IMAGE, Schema, message_types, serialize, store_of

STRING = "std_msgs/msg/String"
OTHER_TYPE = Path(__file__).parents[2] / "support" / "other_type_process.py"


def picture(number: int, size: tuple[int, int] = (480, 640)) -> bytes:
    types = message_types()
    height, width = size
    pixels = np.random.default_rng(number).integers(0, 256, height * width * 3, dtype=np.uint8)
    header = types.Header(stamp=types.Time(sec=number, nanosec=0), frame_id="x" * (number % 4))
    image = types.Image(
        header=header,
        height=height,
        width=width,
        encoding="rgb8",
        is_bigendian=0,
        step=3 * width,
        data=pixels,
    )
    return serialize(image, IMAGE)


def text(value: str) -> bytes:
    from foundation_stereo_ros.ros.messages.cdr import typestore

    return serialize(typestore().types[STRING](data=value), STRING)


def test_large_messages_arrive_as_they_were(stage) -> None:
    inbox = stage.hear("/a/image", IMAGE)
    publisher = stage.wire.publisher("/a/image", IMAGE, Profile())
    wait_until("they meet", lambda: publisher.subscribers == 1 and inbox.subscription.publishers == 1)
    sent = [picture(number) for number in range(8)]
    for data in sent:
        publisher.publish(data)
    inbox.wait_for(count=8)
    # Padded to a multiple of four bytes, which the frame's names make necessary.
    assert [data[: len(one)] for data, one in zip(inbox.raw, sent, strict=True)] == sent
    assert all(len(data) - len(one) < 4 for data, one in zip(inbox.raw, sent, strict=True))
    assert (publisher.refused, inbox.subscription.lost) == (0, 0)


def test_latched_messages_wait_for_late_subscribers(stage) -> None:
    publisher = stage.wire.publisher("/map", STRING, Profile(latched=True, depth=2))
    for value in ("one", "two", "three"):
        publisher.publish(text(value))
    late = stage.hear("/map", STRING, Profile(latched=True))
    late.wait_for(count=2)
    assert [message.data for message in late.messages] == ["two", "three"]
    volatile = stage.hear("/map", STRING)
    publisher.publish(text("four"))
    volatile.wait_for()
    assert [message.data for message in volatile.messages] == ["four"]


@pytest.mark.parametrize("reliable", [True, False])
def test_who_meets_whom(stage, reliable: bool) -> None:
    publisher = stage.wire.publisher("/a", STRING, Profile(reliable=reliable))
    best_effort = stage.hear("/a", STRING, SENSOR)
    strict = stage.hear("/a", STRING, Profile())
    wait_until("they meet", lambda: publisher.subscribers == 1 + reliable)
    publisher.publish(text("hello"))
    best_effort.wait_for()
    if reliable:
        strict.wait_for()
        assert publisher.incompatible() == strict.subscription.incompatible() == ""
    else:
        assert publisher.incompatible() == strict.subscription.incompatible() == "RELIABILITY"
        # Told once.
        assert publisher.incompatible() == strict.subscription.incompatible() == ""


def test_a_type_that_only_a_recording_knows(stage) -> None:
    store = store_of(Schema("my_msgs/msg/Mine", "ros2msg", b"uint8[] data\n"))
    heard: list[bytes] = []
    stage.wire.subscription("/a", "my_msgs/msg/Mine", Profile(), lambda data, _: heard.append(data), store)
    publisher = stage.wire.publisher("/a", "my_msgs/msg/Mine", Profile(), store)
    wait_until("they meet", lambda: publisher.subscribers == 1)
    message = b"\x00\x01\x00\x00\x04\x00\x00\x00abcd"
    publisher.publish(message)
    wait_until("it comes", lambda: bool(heard))
    assert heard == [message]


def test_messages_that_are_none_of_their_type(stage) -> None:
    publisher = stage.wire.publisher("/a", IMAGE, Profile())
    with pytest.raises(WireError, match=r"/a: a sensor_msgs/msg/Image could not be sent"):
        publisher.publish(b"\x00\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff")


def test_graph(stage) -> None:
    stage.wire.publisher("/rig/image", IMAGE, Profile(depth=4))
    stage.wire.subscription("/rig/text", STRING, SENSOR, lambda *_: None)
    graph = stage.wire.graph
    wait_until("the graph is known", lambda: bool(graph.publishers()))
    (found,) = graph.publishers()
    assert (found.topic, found.msgtype, found.profile) == ("/rig/image", IMAGE, Profile(depth=4))
    (topic,) = graph.topics()
    assert (topic.name, topic.msgtype, topic.count) == ("/rig/image", IMAGE, None)


def test_the_node_is_announced(stage) -> None:
    """On ros_discovery_info, where `ros2 node list` looks; again whenever there is something new."""
    publisher = stage.wire.publisher("/a", STRING, Profile())
    participant = DomainParticipant(stage.domain)
    qos = Profile(latched=True, depth=0).qos()
    topic = Topic(participant, DISCOVERY_TOPIC, wire_type(DISCOVERY_TYPE, store_of_ids(16)))
    reader: DataReader[RawMessage] = DataReader(participant, topic, qos)
    told = []

    def names() -> list[str]:
        told.extend(decode_presence(sample.data) for sample in reader.take(10))
        return [node.full_name for presence in told[-1:] if presence for node in presence.nodes]

    wait_until("the node is announced", lambda: names() == ["/tester"])
    assert told[-1].nodes[0].writers == (publisher.writer.guid.bytes,)
    assert told[-1].id_size == 16
    other = stage.wire.publisher("/b", STRING, Profile())
    wait_until("the new one is announced", lambda: bool(names()) and len(told[-1].nodes[0].writers) == 2)
    assert told[-1].nodes[0].writers[1] == other.writer.guid.bytes


def test_an_error_in_a_callback_is_told_and_survived(stage, caplog) -> None:
    heard: list[int] = []

    def fail(data: bytes, _: int) -> None:
        heard.append(len(data))
        raise ValueError("mine")

    stage.wire.subscription("/a", STRING, Profile(), fail)
    publisher = stage.wire.publisher("/a", STRING, Profile())
    wait_until("they meet", lambda: publisher.subscribers == 1)
    for value in ("one", "two"):
        publisher.publish(text(value))
        wait_until("it comes", lambda value=value: len(heard) >= ("one", "two").index(value) + 1)
    wait_until("it is told", lambda: "a received message could not be handled" in caplog.text)
    assert caplog.text.count("ValueError: mine") == 1


def test_types_of_others_count_by_their_names(stage) -> None:
    """As in ROS, whatever a peer says of its type, since Fast DDS 3 says what Cyclone DDS cannot follow."""
    publisher = stage.wire.publisher("/a", STRING, Profile())
    inbox = stage.hear("/a", STRING)
    wait_until("they meet", lambda: publisher.subscribers == 1)
    peer = RosProcess([sys.executable, str(OTHER_TYPE)], stage.domain, stage.folder, local(stage.domain))
    try:
        wait_until("its reader is met", lambda: publisher.subscribers == 2)
        wait_until("its writer is met", lambda: inbox.subscription.publishers == 2)
    finally:
        peer.kill()


def test_one_for_each_domain_and_process(stage) -> None:
    with pytest.raises(WireError, match=f"cannot take part in domain {stage.domain}"):
        Wire(wire_settings(environ=local(stage.domain)), "again")


def test_a_configuration_that_cyclone_refuses(domains) -> None:
    environ = {**local(next(domains)), "CYCLONEDDS_URI": "<CycloneDDS><Nonsense/></CycloneDDS>"}
    with pytest.raises(WireError, match=r"its configuration is .*Nonsense"):
        Wire(wire_settings(environ=environ), "tester")


def test_it_can_be_left_and_entered_again(domains) -> None:
    settings = wire_settings(environ=local(next(domains)))
    for _ in range(3):
        with Wire(settings, "tester") as wire:
            wire.publisher("/a", STRING, Profile()).publish(text("hello"))
        wire.close()
