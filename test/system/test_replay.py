# SPDX-License-Identifier: Apache-2.0
"""Simulated time, recordings played in a loop, and recordings made of what the node publishes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from small_recording import BEGIN_S, STAMPS, make_recording
from waiting import wait_until

pytestmark = pytest.mark.ros

SIMULATED = {"device": "cpu", "iterations": 1, "use_sim_time": True}


@contextmanager
def simulation(listener: Any, sec: int) -> Iterator[None]:
    """A clock that stands still."""
    from rosgraph_msgs.msg import Clock

    publisher, ended = listener.node.create_publisher(Clock, "/clock", 10), Event()
    message = Clock()
    message.clock.sec = sec

    def tick() -> None:
        while not ended.wait(0.05):
            publisher.publish(message)

    thread = Thread(target=tick)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory, small_scene: Path) -> Path:
    path = tmp_path_factory.mktemp("bag") / "ride.mcap"
    make_recording(path, small_scene)
    return path


def ros2(*words: str) -> list[str]:
    """A command of ROS, by the Python of this test."""
    return [sys.executable, "-c", "from ros2cli.cli import main; raise SystemExit(main())", *words]


@pytest.fixture
def rosbag2() -> Any:
    pytest.importorskip("ros2bag")
    return pytest.importorskip("rosbag2_py")


def test_diagnostics_come_where_nobody_simulates_time(stage) -> None:
    node = stage.node(parameters=SIMULATED)
    points = node.hear("points2")
    stage.camera()
    points.wait_for()
    report = node.reports(lambda r: r.count("results") > 0)
    assert (report.level, report.values["latency p50"]) == (0, "none lately")


def test_times_are_of_the_simulation(stage) -> None:
    node = stage.node(parameters=SIMULATED)
    depth = node.hear("depth/image_rect")
    with simulation(stage.listener, BEGIN_S + 60):
        stage.camera(first_stamp=STAMPS[0])
        depth.wait_for()
        report = node.reports(lambda r: r.values["latency p50"].endswith(" ms"))
        latency_s = float(report.values["latency p50"].removesuffix(" ms")) / 1000
        # The clock stands a minute after the first stamp, and the stamps go on.
        assert 0 < latency_s <= 60
        assert depth.messages[0].header.stamp.sec - BEGIN_S < 60
        assert node.diagnostics_stamps()[-1] == (BEGIN_S + 60) * 10**9


@pytest.mark.parametrize("queue_size", [1, 10])
def test_a_recording_in_a_loop(stage, bag, rosbag2, queue_size: int) -> None:
    node = stage.node(parameters={**SIMULATED, "queue_size": queue_size})
    depth = node.hear("depth/image_rect")
    player = stage.run(
        *ros2("bag", "play", str(bag), "--loop", "--clock", "100", "--disable-keyboard-controls")
    )
    depth.wait_for(count=4 * len(STAMPS))
    wait_until("all stamps", lambda: set(depth.stamps) >= set(STAMPS))
    assert set(depth.stamps) == set(STAMPS)
    node.reports(lambda r: r.level == 0 and r.count("time jumps") >= 3)
    player.interrupt()
    player.wait()


def test_outputs_can_be_recorded(stage, rosbag2, tmp_path) -> None:
    from rclpy.serialization import deserialize_message
    from ros_listener import stamp_of
    from rosidl_runtime_py.utilities import get_message
    from tested_node import OUTPUTS

    node = stage.node(parameters={"device": "cpu", "iterations": 1, "confidence": True})
    folder = tmp_path / "recorded"
    topics = [f"/stereo/{output}" for output in OUTPUTS]
    recorder = stage.run(*ros2("bag", "record", "--storage", "mcap", "--output", str(folder), *topics))
    camera = stage.camera()
    before = node.reports(lambda r: set(r.values["subscribers"].split(", ")) == set(OUTPUTS)).count("results")
    node.reports(lambda r: r.count("results") >= before + 10)
    recorder.interrupt()
    recorder.wait()

    reader = rosbag2.SequentialReader()
    reader.open(rosbag2.StorageOptions(uri=str(folder), storage_id="mcap"), rosbag2.ConverterOptions("", ""))
    types = {topic.name: topic.type for topic in reader.get_all_topics_and_types()}
    stamps: dict[str, set[int]] = {topic: set() for topic in topics}
    while reader.has_next():
        topic, data, _ = reader.read_next()
        message = deserialize_message(data, get_message(types[topic]))
        stamps[topic].add(stamp_of(message))
    assert all(stamps.values()), {topic: len(found) for topic, found in stamps.items()}
    assert camera.has_sent(set.union(*stamps.values()))
    assert len(set.intersection(*stamps.values())) >= 3
