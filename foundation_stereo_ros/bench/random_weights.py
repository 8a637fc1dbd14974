# SPDX-License-Identifier: Apache-2.0
"""Weights for a network that nobody has trained: the same for the same seed, and none of them idle."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


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
