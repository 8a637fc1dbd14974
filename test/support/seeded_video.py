# SPDX-License-Identifier: Apache-2.0
"""Seeded weights for DeepVideoMVS: those that the reference outputs were made with."""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import numpy as np
import torch

from foundation_stereo_ros.nets.video import DeepVideoMVS, VideoConfig

# Factors on sqrt(2 / fan-in) that keep random weights alive through the network.
GAINS = {
    r"feature_extractor\..*\.layers\.6\.weight": 0.7,
    r"feature_extractor\.layer1\.6\.weight": 0.7,
    r"feature_pyramid\.fpn\.inner_blocks\.\d\.weight": 0.5,
    r"feature_pyramid\.fpn\.layer_blocks\.0\.weight": 4.0,
    r"feature_pyramid\.fpn\.layer_blocks\.\d\.weight": 0.6,
    r"decoder\.depth_layer_.*\.weight": 1.2,
}


def seeded(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return weights that follow from name and shape alone."""
    noise = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).standard_normal(shape)
    leaf, head = name.rpartition(".")[2], name.startswith("decoder.depth_layer_")
    if leaf == "running_mean":
        value = 0.1 * noise
    elif leaf == "running_var":
        value = 1 + 0.2 * np.abs(noise)
    elif leaf == "num_batches_tracked":
        value = np.zeros(shape)
    elif len(shape) <= 1:
        value = 0.1 * noise + (leaf == "weight") - 2.0 * head
    else:
        gain = next((g for pattern, g in GAINS.items() if re.fullmatch(pattern, name)), 1.0)
        value = gain * noise * np.sqrt(2 / np.prod(shape[1:]))
        if name == "feature_pyramid.fpn.layer_blocks.0.weight":
            value = value - value.mean((2, 3), keepdims=True)
        if head:
            value = value - value.mean()
    return np.asarray(value, np.float32)


@lru_cache(maxsize=2)
def seeded_video_network(recurrent: bool) -> DeepVideoMVS:
    """Return pairnet or fusionnet with seeded weights, in evaluation mode; callers leave it as it is."""
    model = DeepVideoMVS(VideoConfig(recurrent=recurrent)).eval()
    weights = {name: seeded(name, tuple(own.shape)) for name, own in model.state_dict().items()}
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model
