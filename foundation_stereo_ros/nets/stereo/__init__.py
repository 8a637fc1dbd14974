# SPDX-License-Identifier: Apache-2.0
"""Stereo networks: a rectified pair of images in, disparity out.

`FoundationStereo` is the network of the paper (arXiv 2501.09898), `LeanStereo` a small one for CPUs.
"""

from foundation_stereo_ros.nets.parts.lean.refinement import LeanOutput
from foundation_stereo_ros.nets.parts.padding import Padding, pad_to_multiple
from foundation_stereo_ros.nets.stereo.early_stop import EarlyStop
from foundation_stereo_ros.nets.stereo.folding import for_inference, lay_channels_last
from foundation_stereo_ros.nets.stereo.foundation.config import NetworkConfig
from foundation_stereo_ros.nets.stereo.foundation.model import FoundationStereo, TrainingOutput
from foundation_stereo_ros.nets.stereo.kinds import (
    StereoConfig,
    StereoNetwork,
    build_network,
    network_preset,
)
from foundation_stereo_ros.nets.stereo.lean.config import LeanConfig
from foundation_stereo_ros.nets.stereo.lean.model import LeanStereo

__all__ = [
    "EarlyStop",
    "FoundationStereo",
    "LeanConfig",
    "LeanOutput",
    "LeanStereo",
    "NetworkConfig",
    "Padding",
    "StereoConfig",
    "StereoNetwork",
    "TrainingOutput",
    "build_network",
    "for_inference",
    "lay_channels_last",
    "network_preset",
    "pad_to_multiple",
]
