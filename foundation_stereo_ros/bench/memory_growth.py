# SPDX-License-Identifier: Apache-2.0
"""How much memory a piece of work takes beyond what was there before."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from pathlib import Path

import torch

from foundation_stereo_ros.estimate.heap import give_back_freed_memory

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5)


def memory_growth(work: Callable[[], object], device: torch.device) -> dict[str, int | None]:
    """Run some work once and return the bytes it took at its peak.

    On the CPU, ``resident_growth``: of the process, beyond what it held before; None where the system does
    not tell. On a CUDA device, ``allocated`` and ``reserved``: by PyTorch, weights included, and
    ``allocated_growth``, beyond what was there before.
    """
    gc.collect()
    if device.type == "cuda":
        return _on_cuda(work, device)
    give_back_freed_memory()  # what earlier work has freed counts as if it had never been there
    try:
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
        before = _status("VmRSS")
        work()
        return {"resident_growth": _status("VmHWM") - before}
    except (OSError, ValueError):
        work()
        return {"resident_growth": None}


def _on_cuda(work: Callable[[], object], device: torch.device) -> dict[str, int | None]:
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    torch.cuda.synchronize(device)
    allocated = int(torch.cuda.max_memory_allocated(device))
    return {
        "allocated": allocated,
        "allocated_growth": allocated - int(before),
        "reserved": int(torch.cuda.max_memory_reserved(device)),
    }


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise ValueError(f"no {name} in {_STATUS}")
    return int(found[1]) * 1024
