# SPDX-License-Identifier: Apache-2.0
"""One stereo pair as messages, through the whole pipeline, stage by stage."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from torch import Tensor, nn

from foundation_stereo_ros.bench.inputs import stereo_pictures
from foundation_stereo_ros.bench.meters import Clock, Switch
from foundation_stereo_ros.bench.stages import Lap
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.nets.stereo import StereoNetwork
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.images import decode_image, encode_image
from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.shapes import RgbImage

_BASELINE_M = 0.1


class StereoMessages(NamedTuple):
    """What `StereoPipeline.process` takes: both images (rgb8), both CameraInfos."""

    left_image: Any
    right_image: Any
    left_info: Any
    right_info: Any


def stereo_messages(height: int, width: int, types: MessageTypes) -> StereoMessages:
    """Return a textured plane, seen by two rectified cameras; always the same for the same size."""
    header = types.Header(stamp=types.Time(sec=0, nanosec=0), frame_id="left_optical")
    camera = Camera(width, height, fx=width, fy=width, cx=width / 2, cy=height / 2)
    return StereoMessages(
        *(encode_image(types, header, view, "rgb8") for view in stereo_pictures(height, width)),
        *(encode_camera_info(types, header, camera, tx) for tx in (0.0, -_BASELINE_M * width)),
    )


class Frame:
    """The pipeline around a network, ready to be run and measured.

    Args:
        estimator: with its network and settings; the network is wrapped.
        switch: where laps go; those of the network's own stages too, see `stages.stage_hooks`.
        last_stage: of the network, which ends when it returns.
        messages: to run on.
        types: of the messages that are made.
    """

    def __init__(
        self,
        estimator: StereoEstimator,
        switch: Switch,
        last_stage: str,
        messages: StereoMessages,
        types: MessageTypes,
    ) -> None:
        estimator.model = cast("StereoNetwork", _Bounded(estimator.model, switch.lap, last_stage))
        self._switch, self._messages, self._types = switch, messages, types
        self._pipeline = StereoPipeline(estimator, rectified=True, decode=self._decode)

    def _decode(self, message: Any, depth: BitDepth) -> RgbImage:
        image = decode_image(message, depth)
        self._switch.lap("decode")
        return image

    def run(self, clock: Clock | None = None) -> tuple[Prediction, dict[str, float]]:
        """Run once; returns the result, and what the clock measured of each stage."""
        if clock is not None:
            clock.start()
        self._switch.clock = clock
        try:
            result = cast("Prediction", self._pipeline.process(*self._messages))  # a network always has one
            self._switch.lap("geometry")
            self._pipeline.outputs(result, self._messages.left_image.header, self._types)
            self._switch.lap("messages")
        finally:
            self._switch.clock = None
            laps = {} if clock is None else clock.stop()
        return result, laps


class _Bounded(nn.Module):
    """A network whose call ends what comes before it, and its own last stage."""

    def __init__(self, network: StereoNetwork, lap: Lap, last_stage: str) -> None:
        super().__init__()
        self.config = network.config
        self._network, self._lap, self._last_stage = network, lap, last_stage

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        """Call the network."""
        self._lap("preprocess")
        disparity: Tensor = self._network(*inputs, **named)
        self._lap(self._last_stage)
        return disparity
