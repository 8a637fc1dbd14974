# SPDX-License-Identifier: Apache-2.0
"""What a run is measured by: time on the CPU or a CUDA device, arithmetic, and memory."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from foundation_stereo_ros.estimate.heap import give_back_freed_memory

_CPU_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


class Clock(Protocol):
    """Measures one run."""

    def start(self) -> None:
        """Begin a run."""

    def lap(self, stage: str) -> None:
        """End a stage; one that comes several times is summed."""

    def stop(self) -> dict[str, float]:
        """End the run; returns stage -> amount."""


class HostClock:
    """Milliseconds, for work that is done when a call returns.

    Args:
        now: seconds of some clock; `time.process_time` counts what all threads of this process work.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now

    def start(self) -> None:
        """Begin a run."""
        self._laps: dict[str, float] = {}
        self._last = self._now()

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = self._now()
        self._laps[stage] = self._laps.get(stage, 0.0) + 1e3 * (now - self._last)
        self._last = now

    def stop(self) -> dict[str, float]:
        """Return the milliseconds of each stage."""
        return self._laps


class CudaClock:
    """Milliseconds between events on a device's stream, so that measuring does not hold it up.

    Where the device waits for the CPU, that counts for the stage in which it waits.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def start(self) -> None:
        """Begin a run, with nothing left to do from before."""
        torch.cuda.synchronize(self._device)
        self._events: list[tuple[str, Any]] = []
        self._record("")

    def lap(self, stage: str) -> None:
        """End a stage, when the device comes to it."""
        self._record(stage)

    def _record(self, stage: str) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        self._events.append((stage, event))

    def stop(self) -> dict[str, float]:
        """Wait for the device, and return the milliseconds of each stage."""
        torch.cuda.synchronize(self._device)
        laps: dict[str, float] = {}
        for (_, before), (stage, after) in zip(self._events, self._events[1:], strict=False):
            laps[stage] = laps.get(stage, 0.0) + before.elapsed_time(after)
        return laps


class FlopClock:
    """Floating-point operations of convolutions and matrix products; multiplying and adding are two.

    Norms, activations, softmax and interpolation are not counted.
    """

    def start(self) -> None:
        """Begin to count."""
        self._laps: dict[str, float] = {}
        self._last = 0.0
        self._mode = FlopCounterMode(display=False, custom_mapping={_CPU_ATTENTION: _attention_flops})
        self._mode.__enter__()

    def lap(self, stage: str) -> None:
        """End a stage."""
        total = float(self._mode.get_total_flops())
        self._laps[stage] = self._laps.get(stage, 0.0) + total - self._last
        self._last = total

    def stop(self) -> dict[str, float]:
        """Return the operations of each stage."""
        self._mode.__exit__(None, None, None)
        return self._laps


def _attention_flops(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Apply PyTorch's formula, which it does not know to hold for the CPU's kernel, to three shapes."""
    return int(sdpa_flop_count(query, key, value))


class Switch:
    """Passes laps on to the clock of the run that is under way; to none at all between runs."""

    def __init__(self) -> None:
        self.clock: Clock | None = None

    def lap(self, stage: str) -> None:
        """End a stage."""
        if self.clock is not None:
            self.clock.lap(stage)


def clock_for(device: torch.device, now: Callable[[], float] = time.perf_counter) -> Clock:
    """Return what measures time there; ``now`` is the CPU's."""
    return CudaClock(device) if device.type == "cuda" else HostClock(now)


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
