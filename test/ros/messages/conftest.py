# SPDX-License-Identifier: Apache-2.0
"""Real message classes of the oldest and the newest distribution, and their real bytes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from foundation_stereo_ros.ros.messages.types import MessageTypes


@pytest.fixture(scope="session", params=[Stores.ROS2_HUMBLE, Stores.LATEST], ids=["humble", "newest"])
def store(request: pytest.FixtureRequest) -> Typestore:
    return get_typestore(request.param)


@pytest.fixture(scope="session")
def types(store: Typestore) -> MessageTypes:
    classes: dict[str, Any] = dict(store.types)
    return MessageTypes(
        Time=classes["builtin_interfaces/msg/Time"],
        Header=classes["std_msgs/msg/Header"],
        Image=classes["sensor_msgs/msg/Image"],
        CameraInfo=classes["sensor_msgs/msg/CameraInfo"],
        RegionOfInterest=classes["sensor_msgs/msg/RegionOfInterest"],
        PointField=classes["sensor_msgs/msg/PointField"],
        PointCloud2=classes["sensor_msgs/msg/PointCloud2"],
        DisparityImage=classes["stereo_msgs/msg/DisparityImage"],
        buffer=np.ascontiguousarray,
    )


@pytest.fixture(scope="session")
def header(types: MessageTypes) -> Any:
    return types.Header(stamp=types.Time(sec=1_700_000_000, nanosec=123_456_789), frame_id="left_optical")


@pytest.fixture(scope="session")
def sent(store: Typestore) -> Callable[[Any], Any]:
    """Return a message as a subscriber gets it: through CDR."""

    def send(message: Any) -> Any:
        name = message.__msgtype__
        return store.deserialize_cdr(bytes(store.serialize_cdr(message, name)), name)

    return send
