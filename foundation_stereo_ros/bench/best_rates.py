# SPDX-License-Identifier: Apache-2.0
"""What the machine can do at best: a product of large square matrices, and a wide convolution.

Both, since libraries differ: on a CPU the one may come from a library that knows the processor and the other
from one that does not, and then be twice as fast.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.estimate.arithmetic import multiplies_bf16

_SIDE = {"cpu": 1536, "cuda": 8192}
_CHANNELS, _PICTURE = {"cpu": 384, "cuda": 1024}, {"cpu": (40, 56), "cuda": (128, 128)}
_ENOUGH_S = 0.3
_LEAST_RUNS, _MOST_RUNS = 3, 20

Rates = dict[str, dict[str, dict[str, float]]]
"""Device as "cuda:0" -> arithmetic as "float32" -> "product" or "convolution" -> operations per second."""


class BestRates:
    """The best rates seen so far.

    Args:
        now: seconds of some clock, for work on the CPU.

    Attributes:
        best: floating-point operations per second.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self.best: Rates = {}

    def measure(self, device: torch.device, dtype: torch.dtype) -> None:
        """Measure float32, bfloat16 where the device multiplies it, and ``dtype`` once more on a device."""
        half = device.type != "cpu" or multiplies_bf16()  # a CPU without it would take half a minute
        for each in {torch.float32: 0, **({torch.bfloat16: 0} if half else {}), dtype: 0}:
            name = str(each).removeprefix("torch.")
            best = self.best.setdefault(str(device), {}).setdefault(name, {})
            for kind, rate in (("product", product_rate), ("convolution", convolution_rate)):
                best[kind] = max(best.get(kind, 0.0), rate(device, each, self._now))


@torch.inference_mode()
def product_rate(device: torch.device, dtype: torch.dtype, now: Callable[[], float]) -> float:
    """Return operations per second of the fastest of some products of two square matrices."""
    side = _SIDE[device.type]
    left, right = torch.ones(2, side, side, device=device, dtype=dtype)
    return 2.0 * side**3 / _fastest(lambda: left @ right, device, now)


@torch.inference_mode()
def convolution_rate(device: torch.device, dtype: torch.dtype, now: Callable[[], float]) -> float:
    """Return operations per second of the fastest of some 3 x 3 convolutions."""
    channels, (height, width) = _CHANNELS[device.type], _PICTURE[device.type]
    image = torch.ones(1, channels, height, width, device=device, dtype=dtype)
    weight = torch.ones(channels, channels, 3, 3, device=device, dtype=dtype)
    image, weight = (x.contiguous(memory_format=torch.channels_last) for x in (image, weight))
    seconds = _fastest(lambda: F.conv2d(image, weight, padding=1), device, now)
    return 2.0 * 9 * channels**2 * height * width / seconds


def _fastest(work: Callable[[], Tensor], device: torch.device, now: Callable[[], float]) -> float:
    work()  # warms up
    best, began = float("inf"), time.perf_counter()
    for run in range(1, _MOST_RUNS + 1):
        best = min(best, _seconds(work, device, now))
        if run >= _LEAST_RUNS and time.perf_counter() - began > _ENOUGH_S:
            break
    return best


def _seconds(work: Callable[[], Tensor], device: torch.device, now: Callable[[], float]) -> float:
    if device.type != "cuda":
        start = now()
        work()
        return now() - start
    stream = torch.cuda.current_stream(device)
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record(stream)
    work()
    last.record(stream)
    last.synchronize()
    return 1e-3 * float(first.elapsed_time(last))
