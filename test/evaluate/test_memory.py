# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import torch

from foundation_stereo_ros.evaluate.memory import PeakMemory


def test_the_peak_holds_what_was_there_for_a_moment() -> None:
    memory = PeakMemory(torch.device("cpu"))
    memory.start()
    before = memory.read()
    block = np.ones(200 * 2**20, np.uint8)
    del block
    assert memory.read() - before > 100 * 2**20
