# SPDX-License-Identifier: Apache-2.0
"""Stereo messages in, result messages out; the same for live topics and for recordings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from foundation_stereo_ros.estimate.cloud import has_filters, valid_cloud
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.estimator import StereoEstimator
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.rectification import StereoRectification
from foundation_stereo_ros.estimate.stopwatch import Stopwatch
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.points import points_from_depth
from foundation_stereo_ros.io.visualize import SteadyRange, colorize_disparity
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info, encode_camera_info
from foundation_stereo_ros.ros.messages.depth import encode_depth
from foundation_stereo_ros.ros.messages.disparity import encode_disparity
from foundation_stereo_ros.ros.messages.images import decode_image, encode_image
from foundation_stereo_ros.ros.messages.point_cloud import encode_points
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.shapes import RgbImage

OUTPUTS = ("disparity", "depth/image_rect", "depth/camera_info", "points2", "confidence", "disparity/visual")
"""Topics that `StereoPipeline.outputs` can fill."""

MAIN_OUTPUTS = OUTPUTS[:4]
"""Those that everybody wants."""


class StereoPipeline:
    """Runs pairs of image messages, with their CameraInfo, through the estimator.

    Args:
        estimator: the network and the settings, which may change between pairs (`reconfigure`).
        rectified: what the topic names say, see `rectification.says_rectified`.
        decode: an image message to its picture, H x W x 3 uint8 RGB; may raise ImageError.
    """

    def __init__(
        self,
        estimator: StereoEstimator,
        rectified: bool | None = None,
        decode: Callable[[Any], RgbImage] = decode_image,
    ) -> None:
        self.estimator = estimator
        self.rectified = rectified
        self._decode = decode
        self._rectification: StereoRectification | None = None
        self._rectification_of: tuple[Any, ...] = ()
        self._range = SteadyRange()

    @property
    def config(self) -> PipelineConfig:
        """The settings in use."""
        return self.estimator.config

    def process(self, left_image: Any, right_image: Any, left_info: Any, right_info: Any) -> Prediction:
        """Decode, rectify where needed, and estimate one pair.

        Args:
            left_image: sensor_msgs Image or CompressedImage, of ROS or of a bag reader.
            right_image: the same of the right camera.
            left_info: sensor_msgs CameraInfo of the left camera.
            right_info: that of the right camera.

        Returns:
            The result; its ``seconds`` begin with those of decoding and rectification.

        Raises:
            ImageError: an unknown encoding, or a size that does not fit.
            CalibrationError: the cameras cannot be used for stereo.
            DeviceMemoryError: images of this size do not fit into the device's memory.
        """
        watch = Stopwatch()
        left, right = self._decode(left_image), self._decode(right_image)
        watch.lap("decode")
        size = (left.shape[1], left.shape[0])
        rectification = self._rectify_for(decode_camera_info(left_info), decode_camera_info(right_info), size)
        left, right = rectification(left, right)
        watch.lap("rectify")
        result = self.estimator(left, right, rectification.stereo)
        return dataclasses.replace(result, seconds={**watch.seconds, **result.seconds})

    def outputs(
        self,
        result: Prediction,
        header: Any,
        types: MessageTypes,
        wanted: Collection[str] = MAIN_OUTPUTS,
    ) -> dict[str, Any]:
        """Make the messages that somebody wants, and no others.

        Args:
            result: of `process`.
            header: the left image's; its stamp and frame are those of every output.
            types: message classes to build.
            wanted: some of `OUTPUTS`; ``confidence`` comes only where it was computed.

        Returns:
            Topic -> message.

        Raises:
            ConfigError: outliers are to be removed and Open3D is not installed.
        """
        config = self.config
        makers: dict[str, Callable[[], Any]] = {
            "disparity": lambda: encode_disparity(
                types, header, result.disparity, result.valid, result.stereo, config.z_near, config.z_far
            ),
            "depth/image_rect": lambda: encode_depth(types, header, result.depth, config.depth_encoding),
            "depth/camera_info": lambda: encode_camera_info(types, header, result.stereo.left),
            "points2": lambda: self._cloud(result, header, types),
            "disparity/visual": lambda: self._visual(result, header, types),
        }
        confidence = result.confidence
        if confidence is not None:
            makers["confidence"] = lambda: encode_image(types, header, confidence, "32FC1")
        return {topic: make() for topic, make in makers.items() if topic in wanted}

    def _cloud(self, result: Prediction, header: Any, types: MessageTypes) -> Any:
        config = self.config
        if has_filters(config):
            points, colors = valid_cloud(result, config)
            return encode_points(types, header, points[None], colors[None], organized=False)
        points = points_from_depth(result.depth, result.stereo.left)
        return encode_points(
            types, header, points, result.left_rgb, organized=config.organized, stride=config.cloud_stride
        )

    def _visual(self, result: Prediction, header: Any, types: MessageTypes) -> Any:
        limits = self._range.update(result.disparity, result.valid)
        return encode_image(types, header, colorize_disparity(result.disparity, result.valid, limits), "rgb8")

    def _rectify_for(
        self, left: Calibration, right: Calibration, size: tuple[int, int]
    ) -> StereoRectification:
        # Remap tables are dear and calibrations rarely change: made again only when a number does.
        config = self.config
        key = (_numbers(left), _numbers(right), size, config.rectification, config.baseline, self.rectified)
        if self._rectification is None or key != self._rectification_of:
            self._rectification = StereoRectification(left, right, size, config, self.rectified)
            self._rectification_of = key
        return self._rectification


def _numbers(calibration: Calibration) -> tuple[Any, ...]:
    values = (getattr(calibration, field.name) for field in dataclasses.fields(calibration))
    return tuple(value.tobytes() if isinstance(value, np.ndarray) else value for value in values)
