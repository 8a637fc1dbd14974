# SPDX-License-Identifier: Apache-2.0
"""Recordings made by the rosbags library's own writers, of a few tiny stereo frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.convert.converter import LATCH
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

WIDTH, HEIGHT = 96, 64
SECOND = 10**9
START = 1_700_000_000 * SECOND

_STORE = get_typestore(Stores.ROS2_HUMBLE)
_STORE1 = get_typestore(Stores.ROS1_NOETIC)
_STORE1.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", "tf2_msgs/msg/TFMessage"))


def _messages(frames: int, ros1: bool) -> list[tuple[str, str, int, bytes, bool]]:
    """Topic, type, time, serialised message, latched; in the order of time."""
    store = _STORE1 if ros1 else _STORE
    types: dict[str, Any] = dict(store.types)
    pack = store.serialize_ros1 if ros1 else store.serialize_cdr
    random = np.random.default_rng(7)
    written = []

    def header(time: int, number: int) -> Any:
        stamp = types["builtin_interfaces/msg/Time"](sec=time // SECOND, nanosec=time % SECOND)
        return types["std_msgs/msg/Header"](*([number] if ros1 else []), stamp=stamp, frame_id="left_optical")

    def add(topic: str, msgtype: str, time: int, message: Any, latched: bool = False) -> None:
        written.append((topic, msgtype, time, bytes(pack(message, msgtype)), latched))

    add("/tf_static", "tf2_msgs/msg/TFMessage", START, types["tf2_msgs/msg/TFMessage"](transforms=[]), True)
    for number in range(frames):
        time = START + number * SECOND // 10
        for side, tx in (("left", 0.0), ("right", -80.0 * 0.1)):
            k = np.array((80.0, 0, 47.5, 0, 80, 31.5, 0, 0, 1))
            p = np.array((80.0, 0, 47.5, tx, 0, 80, 31.5, 0, 0, 0, 1, 0))
            roi = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
            values = (HEIGHT, WIDTH, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), p, 0, 0, roi)
            info = types["sensor_msgs/msg/CameraInfo"](header(time, number), *values)
            add(f"/rig/{side}/camera_info", "sensor_msgs/msg/CameraInfo", time, info)
            pixels = random.integers(0, 256, HEIGHT * WIDTH * 3).astype(np.uint8)
            image = (header(time, number), HEIGHT, WIDTH, "rgb8", 0, WIDTH * 3, pixels)
            add(
                f"/rig/{side}/image_rect",
                "sensor_msgs/msg/Image",
                time,
                types["sensor_msgs/msg/Image"](*image),
            )
    return written


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a recording of some frames and returns its path.

    ``kind`` is mcap, sqlite3 or ros1; ``compression`` is message, file or storage (rosbag2's modes), or bz2
    or lz4 (those of ROS 1).
    """

    def write(kind: str, frames: int = 5, compression: str = "", name: str = "recording") -> Path:
        messages = _messages(frames, kind == "ros1")
        path = tmp_path / (f"{name}.bag" if kind == "ros1" else name)
        store = _STORE1 if kind == "ros1" else _STORE
        writer: Any
        if kind == "ros1":
            writer = Ros1Writer(path)
            if compression:
                writer.set_compression(Ros1Writer.CompressionFormat[compression.upper()])
        else:
            # Version 9 notes the quality of service by names, version 8 by numbers: both are read.
            writer = Writer(
                path, version=9 if kind == "mcap" else 8, storage_plugin=StoragePlugin[kind.upper()]
            )
            if compression:
                writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
        with writer:
            connections: dict[str, Any] = {}
            for topic, msgtype, time, data, latched in messages:
                if topic not in connections:
                    extra = (
                        {"latching": int(latched)}
                        if kind == "ros1"
                        else {"offered_qos_profiles": LATCH * latched}
                    )
                    connections[topic] = writer.add_connection(topic, msgtype, typestore=store, **extra)
                writer.write(connections[topic], time, data)
        return path

    return write


@pytest.fixture
def expected() -> Callable[[int], list[tuple[str, str, int, bytes, bool]]]:
    """Return what `record` writes: topic, type, time, CDR, latched."""
    return lambda frames=5: _messages(frames, ros1=False)
