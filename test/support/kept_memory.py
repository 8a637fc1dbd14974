# SPDX-License-Identifier: Apache-2.0
"""Whether a process keeps something of every frame that went through it."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
from ros_processes import RosProcess

KNOWN = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="no mallinfo2 (glibc)")

_ANSWER = r"^in use: \d+ bytes, \d+ blocks"
_ANSWERS, _MOST_ANSWERS = 20, 300
_FALL = 100  # blocks: less of it is chance
_SETTLED, _FRAMES = 100, 300
_BYTES, _BLOCKS = 4096, 5
"""Allowed of a frame: less than an image of the tests has, and than a message is made of."""


class _InUse(NamedTuple):
    bytes: int
    blocks: int
    threads: int


def nothing_is_kept(process: RosProcess, run_to: Callable[[int], None]) -> None:
    """Assert that memory and threads are the same after a hundred frames and after hundreds more.

    What was allocated and not freed is counted while no frame is under way, so that neither the load of the
    machine nor what is kept for later plays a part.

    Args:
        process: that was started with ``counted``.
        run_to: sends frames until there are so many results in all, and waits until nothing is computed.
    """
    run_to(_SETTLED)
    before = _in_use(process)
    run_to(_SETTLED + _FRAMES)
    after = _in_use(process)
    said = f"{before} after {_SETTLED} frames, {after} after {_FRAMES} more"
    print(said)
    assert after.bytes - before.bytes < _BYTES * _FRAMES, said
    assert after.blocks - before.blocks < _BLOCKS * _FRAMES, said
    assert after.threads == before.threads, said


def _in_use(process: RosProcess) -> _InUse:
    """Return the least of some answers, once it no longer falls: sliding windows of time empty first."""
    stdin = process.popen.stdin
    assert stdin
    told = len(process.said.wait_for(0, _ANSWER))
    least, number, last_fall = (sys.maxsize, sys.maxsize), 0, 0
    while number - last_fall < _ANSWERS and number < _MOST_ANSWERS:
        number += 1
        stdin.write("\n")
        stdin.flush()
        words = process.said.wait_for(told + number, _ANSWER)[-1].split()
        answer = int(words[2]), int(words[4])
        if answer[1] < least[1] - _FALL:
            last_fall = number
        least = min(least[0], answer[0]), min(least[1], answer[1])
        time.sleep(0.1)
    return _InUse(*least, process.threads)
