# SPDX-License-Identifier: Apache-2.0
"""One refinement alone, prepared for inference and not: of the published size, whose frames take long.

``python benchmarks/refinement_step.py --height 320 --width 448``. Motion features, GRUs and disparity head of
a network of random weights, on random maps of a quarter of the pictures' size; without the lookup. Processor
time on one thread, in turns. The share of the machine's best is that of the operations which direct
convolutions take, so it may be more than all.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from foundation_stereo_ros.bench.inputs import randomize
from foundation_stereo_ros.bench.machine import BestRates
from foundation_stereo_ros.bench.meters import FlopClock
from foundation_stereo_ros.estimate.heap import keep_freed_memory
from foundation_stereo_ros.nets.stereo import NetworkConfig, for_inference
from foundation_stereo_ros.nets.stereo.foundation.context import Context
from foundation_stereo_ros.nets.stereo.foundation.update import Refinement, UpdateBlock

CPU = torch.device("cpu")


@torch.inference_mode()
def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=320)
    parser.add_argument("--width", type=int, default=448)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    forms = steps(args.height // 4, args.width // 4)
    rates = BestRates(time.process_time)
    rates.measure(CPU, torch.float32)
    for work in forms.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(args.repeats):
        for name, work in forms.items():
            begin = time.process_time()
            work()
            times[name].append(time.process_time() - begin)
    rates.measure(CPU, torch.float32)
    operations = flops(forms["plain"])
    best = max(rates.best["cpu"]["float32"].values())
    print(f"best of the machine {best / 1e9:.0f} GFLOP/s; direct convolutions {operations / 1e9:.0f} GFLOP")
    for name, seconds in times.items():
        p50 = float(np.median(seconds))
        share = 100 * operations / p50 / best
        done = flops(forms[name]) / 1e9
        print(f"{name}: {1e3 * p50:.0f} ms, {done:.0f} GFLOP done, {share:.0f} % of the best")
    ratios = np.divide(times["plain"], times["prepared"])
    print(f"plain over prepared: {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})")
    apart = (forms["plain"]().increment - forms["prepared"]().increment).abs()
    largest, mean = 4 * float(apart.max()), 4 * float(apart.mean())
    print(f"increments differ by {largest:.1e} px at most, {mean:.1e} px on average")


def steps(height: int, width: int) -> dict[str, Callable[[], Refinement]]:
    """Return both forms of a refinement on the same maps."""
    config = NetworkConfig.preset("small")
    torch.manual_seed(0)
    block = UpdateBlock(config)
    randomize(block)
    sizes = [(height >> level, width >> level) for level in range(config.gru_levels)]
    hidden = [torch.tanh(torch.randn(1, config.hidden_dim, *size)) for size in sizes]
    context = [torch.relu(torch.randn(1, config.hidden_dim, *size)) for size in sizes]
    attention = [torch.rand(1, 1, *size) for size in sizes]
    taps = torch.randn(1, block.encoder.taps[0].in_channels, height, width)  # type: ignore[arg-type]
    disparity = 50 * torch.rand(1, 1, height, width)

    def step(form: UpdateBlock) -> Callable[[], Refinement]:
        shares = form.shares(Context(hidden, context, attention))
        return lambda: form(hidden, attention, shares, taps, disparity)

    return {"plain": step(copy.deepcopy(block).eval()), "prepared": step(for_inference(block))}


def flops(work: Callable[[], Any]) -> float:
    """Return the operations of convolutions and matrix products."""
    clock = FlopClock()
    clock.start()
    work()
    clock.lap("all")
    return clock.stop()["all"]


if __name__ == "__main__":
    main()
