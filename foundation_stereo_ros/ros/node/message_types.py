# SPDX-License-Identifier: Apache-2.0
"""The message classes of rclpy, filled without needless copies."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField, RegionOfInterest
from std_msgs.msg import Header
from stereo_msgs.msg import DisparityImage

from foundation_stereo_ros.ros.messages.types import MessageTypes


def ros_types() -> MessageTypes:
    """Return rclpy's classes for the encoders."""
    return MessageTypes(
        Time=Time,
        Header=Header,
        Image=_with_data(Image),
        CameraInfo=CameraInfo,
        RegionOfInterest=RegionOfInterest,
        PointField=PointField,
        PointCloud2=_with_data(PointCloud2),
        DisparityImage=DisparityImage,
        buffer=lambda values: values,
        floats=_floats,
    )


def _with_data(kind: Callable[..., Any]) -> Callable[..., Any]:
    """Return a constructor that copies ``data`` once.

    The generated class would copy an ``array.array`` two times more, and look at ``bytes`` one by one.
    """

    def make(*, data: npt.NDArray[np.uint8], **fields: Any) -> Any:
        message = kind(**fields)
        message.data.frombytes(data)
        return message

    return make


def _floats(values: npt.NDArray[np.float64]) -> array[float]:
    return array("d", values.tobytes())
