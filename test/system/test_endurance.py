# SPDX-License-Identifier: Apache-2.0
"""A thousand frames: the memory of the node stays what it is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.ros

SETTLED, LAST = 200, 1000
ALLOWED_MIB = 8.0


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Images large enough for one that is kept to show."""
    noise = np.random.default_rng(0).integers(0, 256, (240, 326, 3), np.uint8)
    path = tmp_path / "noise.npz"
    np.savez(path, left=noise[:, :320], right=noise[:, 6:], focal=300.0, cx=159.5, cy=119.5, baseline=0.1)
    return path


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to read a process's memory from")
def test_memory_is_flat(stage, scene) -> None:
    from tested_node import OUTPUTS, reliable

    node = stage.node(parameters={"device": "cpu", "iterations": 1, "scale": 0.2}, words=reliable())
    for output in OUTPUTS:
        node.hear(output).keep = 1
    stage.camera(scene=scene, rate=50.0, qos="reliable")
    node.reports(lambda r: r.count("results") >= SETTLED)
    settled = resident_mib(node.popen.pid)
    node.reports(lambda r: r.count("results") >= LAST, timeout=600.0)
    grown = resident_mib(node.popen.pid) - settled
    assert grown < ALLOWED_MIB, f"{settled:.1f} MiB after {SETTLED} frames, {grown:.1f} more after {LAST}"
