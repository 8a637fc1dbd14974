# SPDX-License-Identifier: Apache-2.0
"""Among nodes of a real ROS 2: its camera, its subscribers, its view of the graph, its clock.

Under the middleware that RMW_IMPLEMENTATION names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from waiting import wait_until

if TYPE_CHECKING:
    from ros_listener import Listener

pytestmark = pytest.mark.ros

NODE = ("stereo_node", "/stereo")


class Meeting:
    """A node of ROS in this process, and processes of either kind."""

    def __init__(self, domain: int, folder: Path) -> None:
        from ros_listener import Listener

        self.domain, self.folder = domain, folder
        self.listener: Listener = Listener(domain)
        self.processes: list[Any] = []

    def run(self, *words: str) -> Any:
        """Start a command of ours."""
        from ros_processes import RosProcess
        from wire_stage import command

        self.processes.append(RosProcess(command(*words), self.domain, self.folder))
        return self.processes[-1]

    def camera(self, scene: Path, qos: str) -> Any:
        """Start a camera of ROS."""
        from ros_processes import CameraProcess

        camera = CameraProcess(self.domain, self.folder, "raw", qos, ("-r", "__ns:=/stereo"))
        self.processes.append(camera)
        camera.send(scene=scene, rate=10.0)
        return camera

    def close(self) -> None:
        for process in self.processes:
            print(f"---- {process.popen.args}\n{process.said}\n{process.log}")
            process.kill()
        self.listener.close()


@pytest.fixture
def meeting(domains: Iterator[int], tmp_path: Path) -> Iterator[Meeting]:
    pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")
    made = Meeting(next(domains), tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("qos", ["sensor", "reliable"])
def test_a_camera_and_subscribers_of_ros(meeting: Meeting, small_scene: Path, qos: str) -> None:
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2
    from stereo_msgs.msg import DisparityImage

    camera = meeting.camera(small_scene, qos)
    live = meeting.run("live", "--device", "cpu", "--iterations", "1")
    types = {
        "points2": PointCloud2,
        "disparity": DisparityImage,
        "depth/image_rect": Image,
        "depth/camera_info": CameraInfo,
    }
    inboxes = {name: meeting.listener.hear(f"/stereo/{name}", kind, 10) for name, kind in types.items()}
    for inbox in inboxes.values():
        inbox.wait_for(count=3)
        assert camera.has_sent(inbox.stamps)
    depth = inboxes["depth/image_rect"].messages[0]
    assert (depth.encoding, depth.width, depth.height) == ("32FC1", 64, 48)
    assert np.isfinite(np.frombuffer(depth.data, "<f4")).mean() > 0.3
    live.said.wait_for(1, "takes:")
    live.said.wait_for(1, "/stereo/right/image_rect")


def test_the_view_of_ros(meeting: Meeting) -> None:
    """Names of the node, who has which topic, and the hash of its type where the distribution has hashes."""
    names = [f"/stereo/{side}/image_rect" for side in ("left", "right")]
    live = meeting.run("live", "--left", names[0], "--right", names[1], "--device", "cpu")
    node = meeting.listener.node
    wait_until("the node is there", lambda: NODE in node.get_node_names_and_namespaces())

    def of_the_node(ends: list[Any]) -> list[Any]:
        """Names come after the ends that they belong to."""
        return [end for end in ends if (end.node_name, end.node_namespace) == NODE]

    (publisher,) = wait_until(
        "its publisher", lambda: of_the_node(node.get_publishers_info_by_topic("/stereo/points2"))
    )
    assert publisher.topic_type == "sensor_msgs/msg/PointCloud2"
    if hasattr(publisher, "topic_type_hash"):
        expected = "RIHS01_9198cabf7da3796ae6fe19c4cb3bdd3525492988c70522628af5daa124bae2b5"
        assert str(publisher.topic_type_hash) == expected
    (_,) = wait_until("its subscription", lambda: of_the_node(node.get_subscriptions_info_by_topic(names[0])))
    live.interrupt()
    assert live.wait() == 0
    wait_until("the node is gone", lambda: NODE not in node.get_node_names_and_namespaces())


def test_a_player_for_ros(meeting: Meeting, small_scene: Path) -> None:
    from rosgraph_msgs.msg import Clock
    from sensor_msgs.msg import Image
    from small_recording import STAMPS, make_recording

    bag = meeting.folder / "ride.mcap"
    make_recording(bag, small_scene)
    images = meeting.listener.hear("/stereo/left/image_rect", Image, 10)
    clock = meeting.listener.hear("/clock", Clock, 10)
    meeting.run("play", str(bag), "--clock")
    images.wait_for(count=len(STAMPS))
    assert images.stamps == STAMPS
    with np.load(small_scene) as scene:
        assert bytes(images.messages[0].data) == scene["left"].tobytes()
    clock.wait_for(lambda message: message.clock.sec == STAMPS[0] // 10**9)


def test_a_recorder_of_ros(meeting: Meeting, small_scene: Path) -> None:
    from foundation_stereo_ros.ros.bags.reader import read_messages

    camera = meeting.camera(small_scene, "sensor")
    out = meeting.folder / "out.mcap"
    recorder = meeting.run("record", "/stereo/left/image_rect", "-o", str(out))
    recorder.said.wait_for(1, "  /stereo/left/image_rect")
    camera.wait_for_more(10)
    recorder.interrupt()
    assert recorder.wait() == 0
    messages = [message for _, message, _ in read_messages(out)]
    assert camera.has_sent({m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in messages})
    with np.load(small_scene) as scene:
        assert (messages[0].data == scene["left"].reshape(-1)).all()
