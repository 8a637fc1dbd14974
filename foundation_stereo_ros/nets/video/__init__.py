# SPDX-License-Identifier: Apache-2.0
"""Networks for posed video: an image, earlier ones and their poses in, depth out.

`DeepVideoMVS` is the network of the paper (arXiv 2012.02177), `LeanVideo` a small one for CPUs.
"""

from foundation_stereo_ros.nets.video.interface import Motion, VideoNetwork, VideoOutput
from foundation_stereo_ros.nets.video.kinds import (
    AnyVideoConfig,
    build_video_network,
    video_preset,
)
from foundation_stereo_ros.nets.video.lean.config import LeanVideoConfig
from foundation_stereo_ros.nets.video.lean.model import LeanVideo
from foundation_stereo_ros.nets.video.mvs.config import VideoConfig
from foundation_stereo_ros.nets.video.mvs.memory import Memory
from foundation_stereo_ros.nets.video.mvs.model import DeepVideoMVS

__all__ = [
    "AnyVideoConfig",
    "DeepVideoMVS",
    "LeanVideo",
    "LeanVideoConfig",
    "Memory",
    "Motion",
    "VideoConfig",
    "VideoNetwork",
    "VideoOutput",
    "build_video_network",
    "video_preset",
]
