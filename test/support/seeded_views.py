# SPDX-License-Identifier: Apache-2.0
"""Seeded weights for MASt3R: those that the reference outputs were made with."""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.nets.views import Mast3r, ViewsConfig
from foundation_stereo_ros.weights.views import views_official_name

SMALL = ViewsConfig(
    encoder_width=96,
    encoder_depth=3,
    encoder_heads=4,
    decoder_width=64,
    decoder_depth=12,
    decoder_heads=4,
)
FULL = ViewsConfig()
# Factors on 1 / sqrt(fan-in) that keep random weights alive through the network.
GAINS = {
    r".*\.attn\.qkv\.weight": 1.6,
    r".*\.cross_attn\.proj[qk]\.weight": 1.6,
    r".*\.act_postprocess\.0\.1\.weight": 4.0,
    r".*\.act_postprocess\.1\.1\.weight": 0.5,
    r".*\.act_postprocess\.2\.0\.weight": 0.2,
    r".*\.head_local_features\.fc2\.weight": 2.0,
}


def seeded(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return weights that follow from published name and shape alone."""
    key = re.sub(r"scratch\.layer_rn\.(\d)\.", lambda found: f"scratch.layer{int(found[1]) + 1}_rn.", name)
    noise = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()))).standard_normal(shape)
    if name == "mask_token":
        value = 0.02 * noise
    elif len(shape) <= 1:
        value = 1 + 0.1 * noise if name.endswith(".weight") else 0.05 * noise
    else:
        gain = next((g for pattern, g in GAINS.items() if re.fullmatch(pattern, name)), 1.0)
        value = gain * noise / np.sqrt(np.prod(shape[1:]))
    return np.asarray(value, np.float32)


@lru_cache(maxsize=1)
def seeded_views_network(config: ViewsConfig = SMALL) -> Mast3r:
    """Return a network with seeded weights, in evaluation mode; callers leave it as it is."""
    with torch.device("meta"):
        model = Mast3r(config).eval()
    weights = {
        name: torch.from_numpy(seeded(views_official_name(name), tuple(own.shape)))
        for name, own in model.state_dict().items()
    }
    model.load_state_dict(weights, assign=True)
    return model


def published_weights(config: ViewsConfig = SMALL) -> dict[str, Tensor]:
    """Return the seeded weights as files hold them, with what stands there twice or is never read."""
    with torch.device("meta"):
        own = Mast3r(config).state_dict()
    shapes = {views_official_name(name): tuple(tensor.shape) for name, tensor in own.items()}
    shapes["mask_token"] = (1, 1, config.decoder_width)
    for head in (1, 2):
        scratch = f"downstream_head{head}.dpt.scratch."
        for level in range(4):
            shapes[f"{scratch}layer_rn.{level}.weight"] = shapes[f"{scratch}layer{level + 1}_rn.weight"]
        for name in [name for name in shapes if name.startswith(f"{scratch}refinenet4.resConfUnit2.")]:
            shapes[name.replace("resConfUnit2", "resConfUnit1")] = shapes[name]
    return {name: torch.from_numpy(seeded(name, shape)) for name, shape in shapes.items()}
