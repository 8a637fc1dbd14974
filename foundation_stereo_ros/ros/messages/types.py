# SPDX-License-Identifier: Apache-2.0
"""Which message classes the encoders build."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class MessageTypes:
    """Classes of one message library; each is called with all fields by keyword.

    Attributes:
        Time: builtin_interfaces/Time.
        Header: std_msgs/Header.
        Image: sensor_msgs/Image.
        CameraInfo: sensor_msgs/CameraInfo.
        RegionOfInterest: sensor_msgs/RegionOfInterest.
        PointField: sensor_msgs/PointField.
        PointCloud2: sensor_msgs/PointCloud2.
        DisparityImage: stereo_msgs/DisparityImage.
        buffer: turns a contiguous (n,) uint8 array into what a ``data`` field wants. For rclpy this must be
            ``array.array('B')``: its setter checks ``bytes`` one by one, which takes seconds for a cloud.
        floats: turns a contiguous (n,) float64 array into what CameraInfo's ``d`` wants; for rclpy
            ``array.array('d')``.
    """

    Time: Callable[..., Any]
    Header: Callable[..., Any]
    Image: Callable[..., Any]
    CameraInfo: Callable[..., Any]
    RegionOfInterest: Callable[..., Any]
    PointField: Callable[..., Any]
    PointCloud2: Callable[..., Any]
    DisparityImage: Callable[..., Any]
    buffer: Callable[[npt.NDArray[np.uint8]], Any]
    floats: Callable[[npt.NDArray[np.float64]], Any] = np.ascontiguousarray
