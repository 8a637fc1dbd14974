# SPDX-License-Identifier: Apache-2.0
"""The node of a stereo pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.estimate.stereo.rectification import says_rectified
from foundation_stereo_ros.ros.live.core import Live, live_stereo
from foundation_stereo_ros.ros.live.inputs import Input, camera_inputs
from foundation_stereo_ros.ros.live.parameters import STEREO, Configs
from foundation_stereo_ros.ros.live.topics import STEREO_CAMERAS
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS, StereoPipeline
from foundation_stereo_ros.ros.node.decoding import choose_decoder
from foundation_stereo_ros.ros.node.inputs import input_topics
from foundation_stereo_ros.ros.node.live_node import LiveNode
from foundation_stereo_ros.ros.node.message_types import ros_types
from foundation_stereo_ros.ros.node.outputs import Outputs


class StereoNode(LiveNode):
    """Stereo images in; disparity, depth and point cloud out."""

    def __init__(self) -> None:
        super().__init__("stereo_node", "stereo", STEREO, OUTPUTS)

    def build(self, configs: Configs[Any, Any], outputs: Outputs) -> tuple[Live[Any], StereoEstimator]:
        """See `LiveNode.build`."""
        estimator = StereoEstimator(configs.pipeline)
        image = input_topics(self, STEREO_CAMERAS["left"], configs.live.image_transport).image
        rectified = says_rectified(self.resolve_topic_name(image))
        pipeline = StereoPipeline(estimator, rectified, choose_decoder())
        return live_stereo(pipeline, configs.live, ros_types(), outputs, self.now_ns), estimator

    def inputs(self, configs: Configs[Any, Any], core: Live[Any]) -> Sequence[Input]:
        """Both images and their CameraInfo."""
        transport = configs.live.image_transport
        topics = {side: input_topics(self, names, transport) for side, names in STEREO_CAMERAS.items()}
        return camera_inputs(core.intake, topics, transport)
