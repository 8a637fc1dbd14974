# SPDX-License-Identifier: Apache-2.0
"""What becomes of memory that was freed: kept for the next frame, or given back."""

from __future__ import annotations

import ctypes
import logging
from contextlib import suppress

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
