# SPDX-License-Identifier: Apache-2.0
"""Stereo networks: images to disparity. Knows torch and timm alone."""

from foundation_stereo_ros.network.checkpoint import load_checkpoint, save_checkpoint
from foundation_stereo_ros.network.config import NetworkConfig
from foundation_stereo_ros.network.early_stop import EarlyStop
from foundation_stereo_ros.network.folding import for_inference, lay_channels_last
from foundation_stereo_ros.network.kinds import (
    StereoConfig,
    StereoNetwork,
    build_network,
    network_preset,
)
from foundation_stereo_ros.network.lean.config import LeanConfig
from foundation_stereo_ros.network.lean.model import LeanOutput, LeanStereo
from foundation_stereo_ros.network.model import FoundationStereo, TrainingOutput
from foundation_stereo_ros.network.padding import Padding, pad_to_multiple

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
    "load_checkpoint",
    "network_preset",
    "pad_to_multiple",
    "save_checkpoint",
]
