# SPDX-License-Identifier: Apache-2.0
"""What a real ROS 2 makes of this package; skipped where there is none."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from foundation_stereo_ros.errors import PoseError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.ros.bags.job import BagJob
from foundation_stereo_ros.ros.bags.job_options import JobOptions
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS, StereoPipeline
from foundation_stereo_ros.ros.messages.poses import decode_poses
from foundation_stereo_ros.ros.messages.stereo_topics import find_stereo
from foundation_stereo_ros.ros.sync.pose_track import NoPose
from foundation_stereo_ros.ros.sync.transform_tree import TransformTree

pytestmark = pytest.mark.ros

WIDTH, HEIGHT, FRAMES = 96, 64, 2


@pytest.fixture(scope="module")
def result_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with all outputs of the pipeline."""
    folder = tmp_path_factory.mktemp("ros")
    camera = Camera(WIDTH, HEIGHT, 80.0, 80.0, 48.0, 32.0)
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    with BagWriter(folder / "in.mcap") as writer:
        recorder = StereoRecorder(writer, StereoRig(camera, camera, 0.1))
        for number in range(FRAMES):
            recorder.add(noise, np.roll(noise, -4, axis=1), 10**18 + number * 10**8)
        writer.close()
    model = FoundationStereo(NetworkConfig.preset("tiny"))
    pipeline = StereoPipeline(StereoEstimator(PipelineConfig(confidence=True, iterations=1), model))
    with Recording(folder / "in.mcap") as recording, BagWriter(folder / "out.mcap") as writer:
        topics = find_stereo(recording.topics)
        options = JobOptions(namespace="/stereo", outputs=OUTPUTS)
        BagJob(recording, topics, pipeline, writer, options).run()
        writer.close()
    return folder / "out.mcap"


def test_rosbag2_and_rclpy_read_the_result(result_bag: Path) -> None:
    rosbag2_py = pytest.importorskip("rosbag2_py")
    from rclpy.serialization import deserialize_message, serialize_message
    from rosidl_runtime_py.utilities import get_message

    reader = rosbag2_py.SequentialReader()
    storage = rosbag2_py.StorageOptions(uri=str(result_bag), storage_id="mcap")
    reader.open(storage, rosbag2_py.ConverterOptions("cdr", "cdr"))
    types = {topic.name: topic for topic in reader.get_all_topics_and_types()}
    counts = dict.fromkeys(types, 0)
    while reader.has_next():
        name, data, _ = reader.read_next()
        message = deserialize_message(data, get_message(types[name].type))
        assert bytes(serialize_message(message)) == bytes(data), name
        assert message.header.frame_id == "left_camera_optical_frame"
        counts[name] += 1
    assert counts == dict.fromkeys(types, FRAMES)
    assert {f"/stereo/{name}" for name in OUTPUTS} < set(types)


def test_types_are_those_of_ros(result_bag: Path) -> None:
    rosbag2_py = pytest.importorskip("rosbag2_py")
    from ament_index_python import get_package_share_directory

    for topic in rosbag2_py.Info().read_metadata(str(result_bag), "mcap").topics_with_message_count:
        written = topic.topic_metadata
        package, _, name = written.type.split("/")
        described = Path(get_package_share_directory(package), "msg", f"{name}.json").read_text()
        hashes = {entry["type_name"]: entry["hash_string"] for entry in json.loads(described)["type_hashes"]}
        assert written.type_description_hash == hashes[written.type]


def test_launch_hands_on_what_is_given_and_nothing_else(root: Path) -> None:
    launch = pytest.importorskip("launch")
    spec = importlib.util.spec_from_file_location("bag_launch", root / "launch" / "bag.launch.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = launch.LaunchContext()
    given = {"bag": "in", "output": "out.mcap", "options": "--every 2", "z_far": "20", "confidence": "false"}
    context.launch_configurations.update(given)
    *arguments, process = module.generate_launch_description().entities
    for argument in arguments:
        argument.execute(context)
    (started,) = process.execute(context)
    words = ["".join(part.perform(context) for part in word) for word in started.cmd[1:]]
    assert words == ["bag", "in", "--output", "out.mcap", "--z-far=20", "--no-confidence", "--every", "2"]


def test_transforms_are_composed_and_interpolated_as_tf2_does() -> None:
    tf2_py = pytest.importorskip("tf2_py")
    from geometry_msgs.msg import TransformStamped
    from rclpy.duration import Duration
    from rclpy.time import Time
    from tf2_msgs.msg import TFMessage

    random = np.random.default_rng(3)
    buffer, tree = tf2_py.BufferCore(Duration(seconds=10)), TransformTree()

    def tell(parent: str, child: str, stamp: int, static: bool = False) -> None:
        one = TransformStamped(child_frame_id=child)
        one.header.frame_id = parent
        one.header.stamp = Time(nanoseconds=stamp).to_msg()
        numbers = random.normal(size=7)
        numbers[3:] /= np.linalg.norm(numbers[3:])
        place, turn = one.transform.translation, one.transform.rotation
        place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w = numbers.tolist()
        (buffer.set_transform_static if static else buffer.set_transform)(one, "test")
        refused: list[PoseError] = []
        for placed in decode_poses(TFMessage(transforms=[one]), refused.append):
            tree.push(*placed, static=static)
        assert refused == []

    begin = 1_700_000_000 * 10**9
    tell("base", "left", begin, static=True)
    tell("base", "right", begin, static=True)
    for number in range(10):
        tell("map", "odom", begin + number * 110_000_000)
        tell("odom", "base", begin + number * 100_000_000)
    for target, source in (("map", "left"), ("right", "map"), ("left", "right"), ("odom", "right")):
        for stamp in begin + random.integers(0, 900_000_000, 20):
            found = tree.lookup(target, source, int(stamp))
            told = buffer.lookup_transform_core(target, source, Time(nanoseconds=int(stamp))).transform
            place, turn = told.translation, told.rotation
            expected = pose_from_quaternion((place.x, place.y, place.z), (turn.x, turn.y, turn.z, turn.w))
            assert not isinstance(found, NoPose)
            np.testing.assert_allclose(found, expected, atol=1e-6)
