# SPDX-License-Identifier: Apache-2.0
"""Predictions as messages, by one table: what is published, its type, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from foundation_stereo_ros.estimate.cloud import has_filters, valid_cloud
from foundation_stereo_ros.estimate.config import SharedSettings
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.io.visualize import SteadyRange, colorize_disparity
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.depth import encode_depth
from foundation_stereo_ros.ros.messages.disparity import encode_disparity
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.ros.messages.point_cloud import encode_points
from foundation_stereo_ros.ros.messages.protocols import Header
from foundation_stereo_ros.ros.messages.types import MessageTypes

_IMAGE = "sensor_msgs/msg/Image"


class Context(NamedTuple):
    """What an encoder needs beside the prediction.

    Attributes:
        types: message classes to build.
        header: the left image's; its stamp and frame are those of every output.
        config: of the estimator.
        colors: of the frames so far, so that pictures do not flicker.
    """

    types: MessageTypes
    header: Header
    config: SharedSettings
    colors: SteadyRange


class Output(NamedTuple):
    """A row of `OUTPUTS`.

    Attributes:
        msgtype: as in "sensor_msgs/msg/Image".
        encode: makes the message; None where the prediction lacks what it shows.
        main: everybody wants it; the others come on request.
        matched: it shows a disparity, which only a stereo pair has.
    """

    msgtype: str
    encode: Callable[[Prediction, Context], Any | None]
    main: bool = True
    matched: bool = False


def _disparity(made: Prediction, to: Context) -> Any | None:
    if made.match is None:
        return None
    near, far = to.config.z_near, to.config.z_far
    disparity, rig, reach = made.match
    return encode_disparity(to.types, to.header, disparity, made.valid, rig, near, far, reach)


def _depth(made: Prediction, to: Context) -> Any:
    return encode_depth(to.types, to.header, made.depth, to.config.depth_encoding)


def _camera_info(made: Prediction, to: Context) -> Any:
    return encode_camera_info(to.types, to.header, made.camera)


def _points(made: Prediction, to: Context) -> Any:
    config = to.config
    if has_filters(config):
        points, colors = valid_cloud(made, config)
        return encode_points(to.types, to.header, points[None], colors[None], organized=False)
    return encode_points(
        to.types,
        to.header,
        made.points(),
        made.image,
        organized=config.organized,
        stride=config.cloud_stride,
    )


def _confidence(made: Prediction, to: Context) -> Any | None:
    if made.confidence is None:
        return None
    return encode_image(to.types, to.header, made.confidence, "32FC1")


def _visual(made: Prediction, to: Context) -> Any | None:
    if made.match is None:
        return None
    disparity = made.match.disparity
    limits = to.colors.update(disparity, made.valid)
    return encode_image(to.types, to.header, colorize_disparity(disparity, made.valid, limits), "rgb8")


OUTPUTS: Mapping[str, Output] = {
    "disparity": Output("stereo_msgs/msg/DisparityImage", _disparity, matched=True),
    "depth/image_rect": Output(_IMAGE, _depth),
    "depth/camera_info": Output("sensor_msgs/msg/CameraInfo", _camera_info),
    "points2": Output("sensor_msgs/msg/PointCloud2", _points),
    "confidence": Output(_IMAGE, _confidence, main=False),
    "disparity/visual": Output(_IMAGE, _visual, main=False, matched=True),
}
"""Topic, relative to the node's namespace -> what is published there."""

VIDEO_OUTPUTS: Mapping[str, Output] = {topic: row for topic, row in OUTPUTS.items() if not row.matched}
"""Those that depth from one camera has."""

MAIN_OUTPUTS = tuple(topic for topic, row in OUTPUTS.items() if row.main)
"""Those that everybody wants."""
