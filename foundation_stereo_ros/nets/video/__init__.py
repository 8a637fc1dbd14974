# SPDX-License-Identifier: Apache-2.0
"""Depth from posed video: DeepVideoMVS (Duezceker et al., CVPR 2021, arXiv 2012.02177)."""

from foundation_stereo_ros.nets.video.config import VIDEO, VideoConfig
from foundation_stereo_ros.nets.video.memory import Memory, Motion
from foundation_stereo_ros.nets.video.model import DeepVideoMVS, VideoOutput

__all__ = ["VIDEO", "DeepVideoMVS", "Memory", "Motion", "VideoConfig", "VideoOutput"]
