# SPDX-License-Identifier: Apache-2.0
"""What becomes of memory that was freed: kept for the next frame, or given back.

Importing this loads no torch: `keep_freed_memory` is to be called before that is loaded.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from foundation_stereo_ros.nets.stereo import NetworkConfig

_log = logging.getLogger(__name__)

# mallopt(3)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT = 2**30

LARGEST_MMAP_THRESHOLD = 32 * 2**20
"""Bytes; glibc takes no greater threshold. What is larger never comes from freed memory."""


def keep_freed_memory() -> bool:
    """Ask glibc not to give freed memory back to the system, for programs that go from frame to frame.

    By default every array and message of some megabytes is fresh memory from the system, page by page, and
    is returned right after: for a cloud of 640 x 480 points that takes longer than computing it. Call it
    before threads are started and torch is loaded. The process then keeps the memory of its largest frame.

    Returns:
        Whether it was done; other C libraries have no such settings, and do without.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        _log.debug("no mallopt here: freed memory goes back to the system")
        return False
    # One arena, since those of other threads are returned whatever the settings are.
    wanted = {
        _M_MMAP_THRESHOLD: LARGEST_MMAP_THRESHOLD,
        _M_TRIM_THRESHOLD: _KEPT,
        _M_ARENA_MAX: 1,
    }
    return all(mallopt(option, value) for option, value in wanted.items())


def give_back_freed_memory() -> None:
    """Give the freed memory that the process still holds back to the system, where the C library can.

    Also what lies between memory in use, as `keep_freed_memory` lets much of it lie.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


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
    from foundation_stereo_ros.nets.stereo import FoundationStereo

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
