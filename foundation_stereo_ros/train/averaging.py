# SPDX-License-Identifier: Apache-2.0
"""Averaged weights: what is validated and exported."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from foundation_stereo_ros.nets.stereo import StereoNetwork


class Average:
    """A moving average of a network's weights and statistics.

    Args:
        model: its frozen monocular branch is shared with the average, not copied.
        decay: of the average in a step, once it is old.

    Attributes:
        model: the averaged network, in evaluation mode.
    """

    def __init__(self, model: StereoNetwork, decay: float) -> None:
        frozen = getattr(model.features, "monocular", None)
        self.model = copy.deepcopy(model, {} if frozen is None else {id(frozen): frozen})
        self.model.eval().requires_grad_(False)
        self._decay = decay
        sources = dict(model.named_parameters()) | dict(model.named_buffers())
        targets = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        own = [(targets[name], sources[name]) for name in targets if targets[name] is not sources[name]]
        self._floating = [pair for pair in own if pair[0].is_floating_point()]
        self._counts = [pair for pair in own if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step (counted from 0)."""
        # young averages forget their random start faster
        decay = min(self._decay, (1 + step) / (10 + step))
        # statistics of small batches are noisy, so they are averaged like weights
        targets: list[Tensor] = [target for target, _ in self._floating]
        torch._foreach_lerp_(targets, [source for _, source in self._floating], 1.0 - decay)
        for target, source in self._counts:
            target.copy_(source)
