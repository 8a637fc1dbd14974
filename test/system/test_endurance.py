# SPDX-License-Identifier: Apache-2.0
"""A thousand frames: the memory of the node stays what it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros

SETTLED, LAST = 200, 1000
ALLOWED_MIB = 8.0


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to read a process's memory from")
def test_memory_is_flat(stage) -> None:
    from tested_node import OUTPUTS

    node = stage.node()
    for output in OUTPUTS:
        node.hear(output)
    stage.camera(rate=50.0)
    node.reports(lambda r: r.count("results") >= SETTLED)
    settled = resident_mib(node.popen.pid)
    node.reports(lambda r: r.count("results") >= LAST, timeout=600.0)
    grown = resident_mib(node.popen.pid) - settled
    assert grown < ALLOWED_MIB, f"{settled:.1f} MiB after {SETTLED} frames, {grown:.1f} more after {LAST}"
