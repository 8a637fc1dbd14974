# SPDX-License-Identifier: Apache-2.0
"""Images in messages in, result messages out; the same for live topics and for recordings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from foundation_stereo_ros.estimate.config import SharedSettings
from foundation_stereo_ros.estimate.interface import Estimator, StereoSample
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.stereo.rectification import StereoRectification, common_size
from foundation_stereo_ros.estimate.stopwatch import Stopwatch
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.io.visualize import SteadyRange
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info
from foundation_stereo_ros.ros.messages.images import decode_image
from foundation_stereo_ros.ros.messages.outputs import MAIN_OUTPUTS, OUTPUTS, Context
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.shapes import RgbImage

__all__ = ["MAIN_OUTPUTS", "OUTPUTS", "Pipeline", "StereoPipeline"]

Sample = TypeVar("Sample")


class Pipeline(Generic[Sample]):
    """What messages need around any estimator: its settings, and its predictions as messages.

    Args:
        estimator: takes the samples; its settings may change between them (`reconfigure`).
        decode: an image message to its picture, H x W x 3 uint8 RGB, by the depth of the camera's values; may
            raise ImageError.
    """

    def __init__(
        self, estimator: Estimator[Sample], decode: Callable[[Any, BitDepth], RgbImage] = decode_image
    ) -> None:
        self.estimator = estimator
        self._decode = decode
        self._depth = BitDepth()
        self._colors = SteadyRange()

    @property
    def config(self) -> SharedSettings:
        """The settings in use."""
        return self.estimator.config

    @property
    def oddities(self) -> tuple[str, ...]:
        """What is unusual about the cameras, in sentences; from any thread."""
        return ()

    def reset(self) -> None:
        """Forget earlier samples: the next one does not follow them."""
        self.estimator.reset()
        self._colors = SteadyRange()

    def outputs(
        self,
        prediction: Prediction,
        header: Any,
        types: MessageTypes,
        wanted: Collection[str] = MAIN_OUTPUTS,
    ) -> dict[str, Any]:
        """Make the messages that somebody wants, and no others.

        Args:
            prediction: of the estimator.
            header: the image's, of a pair the left one's; its stamp and frame are those of every output.
            types: message classes to build.
            wanted: some of `OUTPUTS`; those are left out for which the prediction has nothing, as a
                ``confidence`` that was not computed.

        Returns:
            Topic -> message.

        Raises:
            ConfigError: outliers are to be removed and Open3D is not installed.
        """
        context = Context(types, header, self.config, self._colors)
        made = {name: row.encode(prediction, context) for name, row in OUTPUTS.items() if name in wanted}
        return {name: message for name, message in made.items() if message is not None}


class StereoPipeline(Pipeline[StereoSample]):
    """Runs pairs of image messages, with their CameraInfo, through an estimator.

    Args:
        estimator: of stereo pairs; its settings may change between pairs (`reconfigure`).
        rectified: what the topic names say, see `rectification.says_rectified`.
        decode: an image message to its picture, H x W x 3 uint8 RGB, by the depth of the cameras' values;
            may raise ImageError.
        calibration: files that count in place of the CameraInfo messages, see `read_calibrations`.
    """

    def __init__(
        self,
        estimator: Estimator[StereoSample],
        rectified: bool | None = None,
        decode: Callable[[Any, BitDepth], RgbImage] = decode_image,
        calibration: Sequence[Path] = (),
    ) -> None:
        super().__init__(estimator, decode)
        self.rectified = rectified
        self._calibration = calibration
        self._rectification: StereoRectification | None = None
        self._rectification_of: tuple[Any, ...] = ()

    @property
    def oddities(self) -> tuple[str, ...]:
        """What is unusual about the last pair's cameras, see `plausibility.oddities`; from any thread."""
        rectification = self._rectification
        return rectification.oddities if rectification else ()

    @property
    def note(self) -> str:
        """What the user should know about the calibration, a sentence; empty: nothing."""
        return self._rectification.note if self._rectification else ""

    def process(
        self, left_image: Any, right_image: Any, left_info: Any, right_info: Any
    ) -> Prediction | None:
        """Decode, rectify where needed, and estimate one pair.

        Args:
            left_image: sensor_msgs Image or CompressedImage, of ROS or of a bag reader.
            right_image: the same of the right camera.
            left_info: sensor_msgs CameraInfo of the left camera; not read where there are calibration files.
            right_info: that of the right camera.

        Returns:
            The prediction, whose ``seconds`` begin with those of decoding and rectification; None where the
            estimator has none for this pair.

        Raises:
            ImageError: an unknown encoding, or a size that does not fit.
            CalibrationError: the cameras cannot be used for stereo.
            FileFormatError: a calibration file cannot be read or says something else.
            DeviceMemoryError: images of this size do not fit into the device's memory.
        """
        watch = Stopwatch()
        left, right = self._decoded(left_image, right_image)
        watch.lap("decode")
        size = common_size(left, right)
        rectify = self._rectify_for(left_info, right_info, size)
        sample = StereoSample(*rectify(left, right), rectify.rig)
        watch.lap("rectify")
        prediction = self.estimator.step(sample)
        if prediction is None:
            return None
        prediction = rectify.restored(prediction)
        return dataclasses.replace(prediction, seconds={**watch.seconds, **prediction.seconds})

    def _decoded(self, left_image: Any, right_image: Any) -> tuple[RgbImage, RgbImage]:
        left = self._decode(left_image, self._depth)
        bits = self._depth.bits
        right = self._decode(right_image, self._depth)
        # The right one is brighter than all before: once more, for the same stretch.
        return (left if bits == self._depth.bits else self._decode(left_image, self._depth)), right

    def _rectify_for(self, left_info: Any, right_info: Any, size: tuple[int, int]) -> StereoRectification:
        # Remap tables are dear and calibrations rarely change: made again only when a number does.
        config = self.config
        key: tuple[Any, ...] = (size, config.rectification, config.baseline, self.rectified)
        if self._calibration:
            make = partial(StereoRectification.from_files, self._calibration)
        else:
            left, right = decode_camera_info(left_info), decode_camera_info(right_info)
            key = (numbers_of(left), numbers_of(right), *key)
            make = partial(StereoRectification, left, right)
        if self._rectification is None or key != self._rectification_of:
            self._rectification = make(size, config, self.rectified)
            self._rectification_of = key
        return self._rectification


def numbers_of(calibration: Calibration) -> tuple[Any, ...]:
    """Return all of a calibration, to compare it with another."""
    values = (getattr(calibration, field.name) for field in dataclasses.fields(calibration))
    return tuple(value.tobytes() if isinstance(value, np.ndarray) else value for value in values)
