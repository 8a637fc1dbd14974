# SPDX-License-Identifier: Apache-2.0
"""What the tests on a CUDA device share. With DEVICE=cpu in the environment they are tried on the CPU."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from foundation_stereo_ros.bench.inputs import randomize
from foundation_stereo_ros.nets.stereo import StereoNetwork, build_network, network_preset

_NAMED = os.environ.get("DEVICE", "")
DEVICE = torch.device(_NAMED if re.fullmatch(r"cpu|cuda(:\d+)?", _NAMED) else "cuda")
_NONE = DEVICE.type == "cuda" and not torch.cuda.is_available()
MARKS = [pytest.mark.cuda, pytest.mark.skipif(_NONE, reason="no CUDA device")]
"""For ``pytestmark``."""

MEAN, WORST = 1e-3, 1e-2  # pixels, in float32 without TF32: the bounds of the reference outputs


@contextmanager
def full_float32() -> Iterator[None]:
    """Multiply float32 in float32: TF32 keeps 10 bits of 23."""
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    kept = cudnn.allow_tf32, products.allow_tf32, cudnn.benchmark
    cudnn.allow_tf32 = products.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32, products.allow_tf32, cudnn.benchmark = kept


@functools.cache
def network(preset: str) -> StereoNetwork:
    """Return a network on the CPU, with random weights; callers leave it as it is."""
    made = build_network(network_preset(preset)).eval()
    randomize(made)
    return made
