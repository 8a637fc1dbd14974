# SPDX-License-Identifier: Apache-2.0
"""Memory that one part of the network has freed, and that would lie idle beside what the next one takes."""

from __future__ import annotations

import torch
from torch import Tensor

from foundation_stereo_ros.network import FoundationStereo
from foundation_stereo_ros.pipeline.heap import LARGEST_MMAP_THRESHOLD, give_back_freed_memory


def give_back_idle_memory(model: FoundationStereo, dtype: torch.dtype) -> None:
    """Have a network on a CPU give freed memory back before its volumes and before its refinement.

    Only for pairs whose volumes are so large that they always come fresh from the system: what the features
    have left would lie idle beside them at the frame's peak, and what volumes and context have left beside
    the refinement. And only for networks with a monocular branch: each time costs as many new pages as the
    next part takes again, and others compute too little for a page (docs/performance.md, "Memory").

    Args:
        model: gets hooks.
        dtype: of its volumes.
    """
    network = model.config
    if network.monocular is None:
        return

    def between_parts(quarter: Tensor) -> None:
        height, width = quarter.shape[-2:]
        volume = height * width * network.bins * network.volume_width * dtype.itemsize
        if volume > LARGEST_MMAP_THRESHOLD:
            give_back_freed_memory()

    model.features.register_forward_hook(lambda _, __, features: between_parts(features.f4))
    model.context.register_forward_hook(lambda _, __, context: between_parts(context.hidden[0]))
