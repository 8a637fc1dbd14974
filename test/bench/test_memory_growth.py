# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from foundation_stereo_ros.bench.memory_growth import memory_growth

MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_there_for_a_moment_counts_and_what_was_there_before_does_not() -> None:
    kept = np.ones(100 * MIB, np.uint8)
    small = memory_growth(lambda: None, torch.device("cpu"))["resident_growth"]
    large = memory_growth(lambda: np.ones(200 * MIB, np.uint8), torch.device("cpu"))["resident_growth"]
    assert kept[-1] == 1
    if small is None or large is None:
        pytest.skip("this system does not tell")
    assert small < 20 * MIB
    assert 180 * MIB < large < 240 * MIB


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_device_pytorch_tells() -> None:
    found = memory_growth(lambda: torch.ones(100 * MIB, device="cuda"), torch.device("cuda"))
    assert found["allocated_growth"] == pytest.approx(400 * MIB, rel=0.05)
    assert (found["reserved"] or 0) >= (found["allocated"] or 0) >= 400 * MIB
