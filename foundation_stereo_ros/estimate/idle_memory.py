# SPDX-License-Identifier: Apache-2.0
"""Memory that one part of the network has freed, and that would lie idle beside what the next one takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from foundation_stereo_ros.estimate.heap import LARGEST_MMAP_THRESHOLD, give_back_freed_memory
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig


@contextmanager
def idle_memory_given_back(model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Have a network on a CPU give freed memory back before its volumes and before its refinement.

    Only for pairs whose volumes are so large that they always come fresh from the system: what the features
    have left would lie idle beside them at the frame's peak, and what volumes and context have left beside
    the refinement. And only for networks with a monocular branch: each time costs as many new pages as the
    next part takes again, and others compute too little for a page (docs/performance.md, "Memory").

    Args:
        model: is, or contains, the network; anything else is left alone.
        dtype: of its volumes.
    """
    network = next((part for part in model.modules() if isinstance(part, FoundationStereo)), None)
    if network is None or network.config.monocular is None:
        yield
        return
    config = network.config
    with (
        network.features.register_forward_hook(lambda _, __, found: _between(found.f4, config, dtype)),
        network.context.register_forward_hook(lambda _, __, found: _between(found.hidden[0], config, dtype)),
    ):
        yield


def _between(quarter: Tensor, network: NetworkConfig, dtype: torch.dtype) -> None:
    height, width = quarter.shape[-2:]
    volume = height * width * network.bins * network.volume_width * dtype.itemsize
    if volume > LARGEST_MMAP_THRESHOLD:
        give_back_freed_memory()
