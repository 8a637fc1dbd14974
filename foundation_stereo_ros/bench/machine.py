# SPDX-License-Identifier: Apache-2.0
"""What a measurement was made on and with, and what the machine can do at best.

The best is that of a product of large square matrices and of a wide convolution. Both, since libraries
differ: on a CPU the one may come from a library that knows the processor and the other from one that does
not, and then be twice as fast.
"""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros import __version__
from foundation_stereo_ros.estimate.device import multiplies_bf16

_ROOT = Path(__file__).parents[2]


def machine(devices: Iterable[torch.device]) -> dict[str, Any]:
    """Return processor, threads and memory, how busy they were, and the GPUs among the devices."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "ram_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average": list(os.getloadavg()),
        "system": platform.platform(),
        "gpus": {str(device): _gpu(device) for device in devices if device.type == "cuda"},
    }


def _gpu(device: torch.device) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(device)
    return {
        "name": properties.name,
        "memory_bytes": properties.total_memory,
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "tf32_products": torch.backends.cuda.matmul.allow_tf32,
    }


def versions() -> dict[str, str | None]:
    """Return those of the package and of what it computes with; ``commit`` in a git checkout."""
    return {
        "foundation_stereo_ros": __version__,
        "commit": commit(_ROOT),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }


def commit(root: Path) -> str | None:
    """Return the checkout's commit, with ``-dirty`` where tracked files differ; None outside of one."""
    if not (root / ".git").exists():
        return None
    words = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def processor() -> str:
    """Return the name of this computer's processor, or what kind it is."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


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
