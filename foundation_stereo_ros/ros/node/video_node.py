# SPDX-License-Identifier: Apache-2.0
"""The node of one camera that moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foundation_stereo_ros.estimate.stereo.rectification import says_rectified
from foundation_stereo_ros.estimate.video.estimator import VideoEstimator
from foundation_stereo_ros.ros.live.core import Live, live_video
from foundation_stereo_ros.ros.live.inputs import Input, camera_inputs, pose_inputs
from foundation_stereo_ros.ros.live.parameters import VIDEO, Configs
from foundation_stereo_ros.ros.live.topics import VIDEO_CAMERAS
from foundation_stereo_ros.ros.messages.outputs import VIDEO_OUTPUTS
from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline
from foundation_stereo_ros.ros.node.decoding import choose_decoder
from foundation_stereo_ros.ros.node.inputs import input_topics
from foundation_stereo_ros.ros.node.live_node import LiveNode
from foundation_stereo_ros.ros.node.message_types import ros_types
from foundation_stereo_ros.ros.node.outputs import Outputs


class VideoNode(LiveNode):
    """Images of one camera and its poses in; depth and point cloud out."""

    def __init__(self) -> None:
        super().__init__("video_node", "video", VIDEO, VIDEO_OUTPUTS)

    def build(self, configs: Configs[Any, Any], outputs: Outputs) -> tuple[Live[Any], VideoEstimator]:
        """See `LiveNode.build`."""
        estimator = VideoEstimator(configs.pipeline)
        image = input_topics(self, VIDEO_CAMERAS["image"], configs.live.image_transport).image
        rectified = bool(says_rectified(self.resolve_topic_name(image)))
        pipeline = VideoPipeline(estimator, rectified, choose_decoder())
        return live_video(pipeline, configs.live, ros_types(), outputs, self.now_ns), estimator

    def inputs(self, configs: Configs[Any, Any], core: Live[Any]) -> Sequence[Input]:
        """The images, their CameraInfo, and what tells the poses."""
        live = configs.live
        topics = {"image": input_topics(self, VIDEO_CAMERAS["image"], live.image_transport)}
        poses = pose_inputs(core.intake, live.pose_topic, mounted=live.mount is not None)
        return (*camera_inputs(core.intake, topics, live.image_transport), *poses)
