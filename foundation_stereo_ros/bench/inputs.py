# SPDX-License-Identifier: Apache-2.0
"""What is measured with: a network, trained or of random weights, and a pair of pictures; always the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from foundation_stereo_ros.nets.stereo import StereoNetwork, build_network, network_preset
from foundation_stereo_ros.shapes import RgbImage
from foundation_stereo_ros.weights import load_checkpoint
from foundation_stereo_ros.weights.checkpoint import weights_sha256

SHIFT = 10
"""Disparity of the whole picture, pixels."""

_GRAINS = (1, 4, 16, 64)  # sizes of the picture's spots, pixels


def stereo_pictures(height: int, width: int) -> tuple[RgbImage, RgbImage]:
    """Return left and right picture of a textured plane at `SHIFT` pixels, rectified."""
    random = np.random.default_rng(0)
    total = np.zeros((height, width + SHIFT, 3), np.float32)
    for grain in _GRAINS:
        spots = random.random((-(-height // grain), -(-(width + SHIFT) // grain), 3), np.float32)
        total += cv2.resize(spots, (width + SHIFT, height), interpolation=cv2.INTER_LINEAR)
    picture = (255 / len(_GRAINS) * total).astype(np.uint8)
    return np.ascontiguousarray(picture[:, :width]), np.ascontiguousarray(picture[:, SHIFT:])


@dataclass(frozen=True)
class NetworkSource:
    """A preset with random weights, or a weights file; exactly one of the two is given."""

    preset: str | None = None
    checkpoint: Path | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.checkpoint.name if self.checkpoint else f"{self.preset}"

    def load(self) -> StereoNetwork:
        """Build the network, in evaluation mode, on the CPU.

        Raises:
            CheckpointError: the file cannot be used.
            ConfigError: there is no such preset.
        """
        if self.checkpoint:
            return load_checkpoint(self.checkpoint)
        network = build_network(network_preset(f"{self.preset}")).eval()
        randomize(network)
        return network

    def facts(self) -> dict[str, str | None]:
        """Return what identifies the weights."""
        digest = weights_sha256(self.checkpoint) if self.checkpoint else None
        return {"name": self.name, "preset": self.preset, "weights_sha256": digest}


def randomize(network: nn.Module, seed: int = 0) -> None:
    """Fill all parameters and running statistics of a network, in place.

    Signals keep about their strength from layer to layer. Gains that start near zero when a network is
    trained, so that whole branches do nothing, are of the order of 0.1.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator)
                tensor.copy_(_value(name, noise))


def _value(name: str, noise: Tensor) -> Tensor:
    leaf = name.rpartition(".")[2]
    if leaf == "running_var":
        return 1 + 0.2 * noise.abs()
    if leaf.startswith("gamma"):
        return 0.1 + 0.02 * noise
    if leaf == "temperature":
        return 1 + 0.02 * noise
    if leaf in ("cls_token", "pos_embed"):
        return 0.1 * noise
    if noise.ndim <= 1:
        return 0.02 * noise + float(leaf == "weight")
    return noise / math.sqrt(noise[0].numel())
