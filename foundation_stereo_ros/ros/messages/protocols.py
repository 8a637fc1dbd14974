# SPDX-License-Identifier: Apache-2.0
"""The fields that are read from messages, whichever library made them."""

from __future__ import annotations

from typing import Any, Protocol


class Time(Protocol):
    """builtin_interfaces/Time."""

    sec: int
    nanosec: int


class Header(Protocol):
    """std_msgs/Header."""

    stamp: Any
    frame_id: str


class Image(Protocol):
    """sensor_msgs/Image; ``data`` is a uint8 array, array.array, bytes or memoryview."""

    header: Any
    height: int
    width: int
    encoding: str
    is_bigendian: Any
    step: int
    data: Any


class CompressedImage(Protocol):
    """sensor_msgs/CompressedImage; ``data`` as in `Image`."""

    header: Any
    format: str
    data: Any


class RegionOfInterest(Protocol):
    """sensor_msgs/RegionOfInterest."""

    x_offset: int
    y_offset: int
    height: int
    width: int
    do_rectify: bool


class CameraInfo(Protocol):
    """sensor_msgs/CameraInfo without its matrices: ``d k r p`` in ROS 2, ``D K R P`` in ROS 1."""

    header: Any
    height: int
    width: int
    distortion_model: str
    binning_x: int
    binning_y: int
    roi: Any


class PointCloud2(Protocol):
    """sensor_msgs/PointCloud2."""

    header: Any
    height: int
    width: int
    fields: Any
    is_bigendian: bool
    point_step: int
    row_step: int
    data: Any
    is_dense: bool


class DisparityImage(Protocol):
    """stereo_msgs/DisparityImage without its baseline, which is ``t`` in ROS 2 and ``T`` in ROS 1."""

    header: Any
    image: Any
    f: float
    valid_window: Any
    min_disparity: float
    max_disparity: float
    delta_d: float
