# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no messages, as ROS lets them pass: each costs itself, for the node as for ``live``."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from live_messages import TYPES, image, info
from malformed import damaged
from waiting import wait_until

from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, CLOCK, IMAGE, serialize, typestore

pytestmark = pytest.mark.ros

PAIRS = 10
BETWEEN = 20
SECOND = 10**9


class RawCamera:
    """Publishes bytes on the topics of a stereo camera and /clock."""

    def __init__(self, listener: Any) -> None:
        from rosgraph_msgs.msg import Clock
        from sensor_msgs.msg import CameraInfo, Image

        kinds = {IMAGE: Image, CAMERA_INFO: CameraInfo, CLOCK: Clock}
        self.good = {
            "/stereo/left/camera_info": (CAMERA_INFO, lambda stamp: info("left", stamp)),
            "/stereo/right/camera_info": (CAMERA_INFO, lambda stamp: info("right", stamp)),
            "/stereo/left/image_rect": (IMAGE, lambda stamp: image("left", stamp)),
            "/stereo/right/image_rect": (IMAGE, lambda stamp: image("right", stamp)),
            "/clock": (CLOCK, clock),
        }
        self._node = listener.node
        self.publishers = {
            topic: listener.node.create_publisher(kinds[kind], topic, 1000)
            for topic, (kind, _) in self.good.items()
        }

    def close(self) -> None:
        """Leave the topics to the tests that follow."""
        for publisher in self.publishers.values():
            self._node.destroy_publisher(publisher)

    def wait(self, topics: int) -> None:
        found = self.publishers.values
        wait_until("it listens", lambda: sum(p.get_subscription_count() > 0 for p in found()) >= topics)

    def send(self, stamp: int) -> None:
        for topic, (kind, make) in self.good.items():
            self.publishers[topic].publish(bytes(serialize(make(stamp), kind)))

    def spoil(self, seed: int) -> None:
        for number, (topic, (kind, make)) in enumerate(self.good.items()):
            good = bytes(serialize(make(SECOND), kind))
            for data in islice(damaged(good, 10 * seed + number), BETWEEN):
                self.publishers[topic].publish(data)


def clock(stamp: int) -> Any:
    return dict(typestore().types)[CLOCK](clock=TYPES.Time(sec=stamp // SECOND, nanosec=0))


def all_pairs_give_results(camera: RawCamera, disparity: Any) -> float:
    """Send bad messages and good pairs by turns; return the seconds.

    The middleware drops whole packets, and good messages with them, so that a pair may have to be sent again.
    """
    begin = time.monotonic()
    stamps = iter(range(2000, 10_000))
    for number in range(PAIRS):
        camera.spoil(number)
        disparity.clear()

        def a_result_comes() -> bool:
            camera.send(next(stamps) * SECOND)
            time.sleep(0.3)
            return any(second >= 2000 for second in (stamp // SECOND for stamp in disparity.stamps))

        wait_until("a result of a good pair", a_result_comes)
    return time.monotonic() - begin


def told(log: Any, seconds: float) -> int:
    text = str(log)
    assert "Traceback" not in text
    # What takes messages, what computes, and the status: each at most once a second.
    counts = [text.count(words) for words in ("message dropped", "pair rejected", "pairs were rejected")]
    assert max(counts) <= seconds + 1, text
    return sum(counts)


def claiming(numbers: int) -> bytes:
    """Return a CameraInfo of a few hundred bytes that says it has so many distortion coefficients."""
    message = info("left", SECOND)
    whole = bytes(serialize(message, CAMERA_INFO))
    model = whole.index(message.distortion_model.encode())
    length = model + len(message.distortion_model) + 1
    length += -length % 4
    assert struct.unpack_from("<I", whole, length) == (len(message.d),)
    return whole[:length] + struct.pack("<I", numbers) + whole[length + 4 :]


def most_memory(process: int) -> int:
    """Return the most memory that a process has had, kilobytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@pytest.fixture
def camera(stage) -> Iterator[RawCamera]:
    made = RawCamera(stage.listener)
    yield made
    made.close()


@pytest.mark.parametrize("simulated", [False, True])
def test_the_node(stage, camera: RawCamera, simulated: bool) -> None:
    node = stage.node(parameters={"device": "cpu", "iterations": 1, "use_sim_time": simulated})
    disparity = node.hear("disparity")
    camera.wait(4 + simulated)
    seconds = all_pairs_give_results(camera, disparity)
    assert told(node.log, seconds) >= 1
    assert node.alive and node.state == "active"


def test_a_clock_before_1970_does_not_end_the_node(stage, camera: RawCamera) -> None:
    node = stage.node(parameters={"device": "cpu", "iterations": 1, "use_sim_time": True})
    disparity = node.hear("disparity")
    camera.wait(5)
    before = TYPES.Time(sec=-1, nanosec=0)
    damage = bytes(serialize(dict(typestore().types)[CLOCK](clock=before), CLOCK))
    wait_until(
        "it is told",
        lambda: camera.publishers["/clock"].publish(damage) or time.sleep(0.1) or "negative" in str(node.log),
    )
    wait_until("a result", lambda: camera.send(2000 * SECOND) or time.sleep(0.3) or disparity.stamps)
    assert told(node.log, 0) == 0


def test_a_message_that_claims_gigabytes_takes_none(stage, camera: RawCamera) -> None:
    node = stage.node(parameters={"device": "cpu", "iterations": 1})
    disparity = node.hear("disparity")
    camera.wait(4)
    wait_until("a result", lambda: camera.send(2000 * SECOND) or time.sleep(0.3) or disparity.stamps)
    before = most_memory(node.popen.pid)

    def it_is_told() -> bool:
        camera.publishers["/stereo/left/camera_info"].publish(claiming(1 << 27))  # a gigabyte
        time.sleep(0.1)
        return "a damaged sensor_msgs/msg/CameraInfo on /stereo/left/camera_info" in str(node.log)

    wait_until("it is told", it_is_told)
    assert most_memory(node.popen.pid) - before < 200_000


def test_live(stage, camera: RawCamera) -> None:
    import sys

    from stereo_msgs.msg import DisparityImage

    words = ("live", "--left=left/image_rect", "--right=right/image_rect", "--namespace=stereo")
    flags = ("--use-sim-time", "--device=cpu", "--iterations=1")
    live = stage.run(sys.executable, "-m", "foundation_stereo_ros.cli.main", *words, *flags)
    disparity = stage.listener.hear("/stereo/disparity", DisparityImage)
    camera.wait(5)
    begin = time.monotonic()
    all_pairs_give_results(camera, disparity)
    # Cyclone itself may have refused all of them; it leaves a frame_id that is no text to the reader.
    good = bytes(serialize(image("left", SECOND), IMAGE))
    damage = good[:16] + b"\xff\xfe" + good[18:]

    def it_is_told() -> bool:
        camera.publishers["/stereo/left/image_rect"].publish(damage)
        time.sleep(0.1)
        return "message dropped: a damaged sensor_msgs/msg/Image" in str(live.log)

    wait_until("it is told", it_is_told)
    assert told(live.log, time.monotonic() - begin) >= 1
