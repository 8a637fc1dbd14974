# SPDX-License-Identifier: Apache-2.0
"""Whether a process keeps something of every frame that went through it."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

import pytest
from ros_processes import RosProcess

KNOWN = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="no mallinfo2 (glibc)")

_ANSWER = r"^in use: \d+ bytes"
_ANSWERS = 20
_SETTLED, _FRAMES = 100, 300
_ALLOWED = 1024
"""Bytes of a frame; less than any image or message of the tests has."""


def nothing_is_kept(process: RosProcess, run_to: Callable[[int], None]) -> None:
    """Assert that memory and threads are the same after a hundred frames and after hundreds more.

    What was allocated and not freed is counted while no frame is under way, so that neither the load of the
    machine nor what the C library holds back plays a part.

    Args:
        process: that was started with ``counted``.
        run_to: sends frames until there are so many results in all, and waits until nothing is computed.
    """
    run_to(_SETTLED)
    before, threads = _bytes_in_use(process), process.threads
    run_to(_SETTLED + _FRAMES)
    after = _bytes_in_use(process)
    kept = (after - before) / _FRAMES
    print(f"{before} bytes after {_SETTLED} frames, {kept:.0f} more with each of the next {_FRAMES}")
    assert kept < _ALLOWED, f"{before} bytes after {_SETTLED} frames, {kept:.0f} more with each after that"
    assert process.threads == threads


def _bytes_in_use(process: RosProcess) -> int:
    """Return the least of some answers: between them a diagnostic may be in the making."""
    stdin = process.popen.stdin
    assert stdin
    told = len(process.said.wait_for(0, _ANSWER))
    for number in range(_ANSWERS):
        stdin.write("\n")
        stdin.flush()
        process.said.wait_for(told + number + 1, _ANSWER)
        time.sleep(0.1)
    return min(int(line.split()[2]) for line in process.said.wait_for(0, _ANSWER)[told:])
