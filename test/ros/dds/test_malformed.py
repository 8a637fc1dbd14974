# SPDX-License-Identifier: Apache-2.0
"""Malformed messages on a real wire: each costs itself, and is told of in one sentence now and then."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from live_messages import TYPES, image, info
from malformed import damaged
from waiting import wait_until
from wire_stage import QUICK, WireStage

from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.dds.endpoints import Publisher
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, CLOCK, IMAGE, serialize, typestore
from foundation_stereo_ros.ros.messages.stamps import stamp_ns

GOOD = 30
BETWEEN = 10
RELIABLE = Profile(depth=1000)
SECOND = 10**9


def connected(*publishers: Publisher) -> None:
    wait_until("somebody listens", lambda: all(publisher.subscribers for publisher in publishers))


def spoil(publisher: Publisher, good: bytes, seed: int, number: int) -> None:
    for data in islice(damaged(good, seed), number):
        # Cyclone's own check refuses some here; ROS sends those as well, see test/system/test_malformed.py.
        with suppress(WireError):
            publisher.publish(data)


def test_every_good_message_arrives_and_one_sentence_a_second(
    stage: WireStage, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[int] = []
    stage.wire.listen("/left", IMAGE, RELIABLE, lambda message: heard.append(stamp_ns(message.header)))
    publisher = stage.wire.publisher("/left", IMAGE, RELIABLE)
    connected(publisher)
    begin = time.monotonic()
    stamps = [1000 * SECOND + number for number in range(GOOD)]
    for number, stamp in enumerate(stamps):
        data = bytes(serialize(image("left", stamp), IMAGE))
        spoil(publisher, bytes(serialize(image("left", SECOND), IMAGE)), number, BETWEEN)
        publisher.publish(data)
    wait_until("all good ones", lambda: set(stamps) <= set(heard))
    seconds = time.monotonic() - begin
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert told and len(told) <= seconds + 1
    assert all(record.exc_info is None for record in told)
    assert "a damaged sensor_msgs/msg/Image on /left" in told[0].getMessage()


def test_a_live_node_gives_a_result_for_every_good_pair(stage: WireStage, small_scene: Path) -> None:
    topics = {
        "/stereo/left/image_rect": (IMAGE, image("left", SECOND)),
        "/stereo/right/image_rect": (IMAGE, image("right", SECOND)),
        "/stereo/left/camera_info": (CAMERA_INFO, info("left", SECOND)),
        "/stereo/right/camera_info": (CAMERA_INFO, info("right", SECOND)),
        "/clock": (CLOCK, dict(typestore().types)[CLOCK](clock=TYPES.Time(sec=1, nanosec=0))),
    }
    camera = stage.camera(small_scene, rate=1.0, profile=RELIABLE)
    camera.paused = True
    bad = {topic: stage.wire.publisher(topic, msgtype, RELIABLE) for topic, (msgtype, _) in topics.items()}
    node = stage.live(
        "--left=left/image_rect", "--right=right/image_rect", "--namespace=stereo",
        "--use-sim-time", *QUICK,
    )  # fmt: skip
    disparity = stage.hear("/stereo/disparity")
    connected(*bad.values())
    begin, stamps = time.monotonic(), count(2000)
    for number in range(12):
        for seed, (topic, (msgtype, message)) in enumerate(topics.items()):
            spoil(bad[topic], bytes(serialize(message, msgtype)), 100 * number + seed, BETWEEN)
        disparity.clear()

        def a_result_comes() -> bool:
            # Cyclone drops packets whole: the pair may have to be sent again.
            camera.send(next(stamps) * SECOND)
            time.sleep(0.3)
            return any(stamp >= 2000 * SECOND for stamp in disparity.stamps)

        wait_until("a result of a good pair", a_result_comes)
    seconds = time.monotonic() - begin
    log = str(node.log)
    assert "Traceback" not in log
    assert 1 <= log.count("message dropped: a damaged") <= seconds + 1
    assert log.count("pair rejected") <= seconds + 1


def test_what_is_no_discovery_is_not_heard(stage: WireStage, caplog: pytest.LogCaptureFixture) -> None:
    from cyclonedds.pub import DataWriter
    from cyclonedds.topic import Topic

    from foundation_stereo_ros.ros.dds.conventions import DISCOVERY_TOPIC, DISCOVERY_TYPE
    from foundation_stereo_ros.ros.dds.wire_types import presence_type

    participant = stage.wire._participant
    topic = Topic(participant, DISCOVERY_TOPIC, presence_type(DISCOVERY_TYPE))
    bad = Publisher(DISCOVERY_TOPIC, DISCOVERY_TYPE, DataWriter(participant, topic, RELIABLE.qos()))
    spoil(bad, bytes(range(64)), 0, 50)
    heard: list[object] = []
    stage.wire.listen("/right", IMAGE, RELIABLE, heard.append)
    publisher = stage.wire.publisher("/right", IMAGE, RELIABLE)
    connected(publisher)
    publisher.publish(serialize(image("right", SECOND), IMAGE))
    wait_until("it is still heard", lambda: heard)
    assert not [record for record in caplog.records if record.exc_info]
