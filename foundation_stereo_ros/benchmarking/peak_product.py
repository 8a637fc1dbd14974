# SPDX-License-Identifier: Apache-2.0
"""What the machine can do at best: products of large square matrices."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

_SIDE = {"cpu": 1536, "cuda": 8192}
_ENOUGH_S = 0.3
_LEAST_RUNS, _MOST_RUNS = 3, 20


class ProductRates:
    """The best rates seen so far, floating-point operations per second.

    Args:
        now: seconds of some clock, for work on the CPU.

    Attributes:
        best: device as "cuda:0" -> arithmetic as "float32" -> rate.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self.best: dict[str, dict[str, float]] = {}

    def measure(self, device: torch.device, dtype: torch.dtype) -> None:
        """Measure float32, bfloat16 and ``dtype`` once more on a device."""
        best = self.best.setdefault(str(device), {})
        for each in {torch.float32: 0, torch.bfloat16: 0, dtype: 0}:
            name = str(each).removeprefix("torch.")
            best[name] = max(best.get(name, 0.0), product_rate(device, each, self._now))


def product_rate(
    device: torch.device, dtype: torch.dtype, now: Callable[[], float] = time.perf_counter
) -> float:
    """Return floating-point operations per second of the fastest of some products in this arithmetic."""
    side = _SIDE.get(device.type, _SIDE["cpu"])
    left, right = torch.ones(2, side, side, device=device, dtype=dtype)
    out = torch.empty(side, side, device=device, dtype=dtype)
    best = began = float("inf")
    for run in range(1 + _MOST_RUNS):  # the first one warms up
        seconds = _timed(left, right, out, now)
        if run == 0:
            began = time.perf_counter()
            continue
        best = min(best, seconds)
        if run >= _LEAST_RUNS and time.perf_counter() - began > _ENOUGH_S:
            break
    return 2.0 * side**3 / best


def _timed(left: Tensor, right: Tensor, out: Tensor, now: Callable[[], float]) -> float:
    if left.device.type != "cuda":
        start = now()
        torch.mm(left, right, out=out)
        return now() - start
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    torch.mm(left, right, out=out)
    last.record()
    last.synchronize()
    return 1e-3 * float(first.elapsed_time(last))
