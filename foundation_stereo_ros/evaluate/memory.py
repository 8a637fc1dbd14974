# SPDX-License-Identifier: Apache-2.0
"""The most memory that a piece of work took."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

import torch

_PROCESS = Path("/proc/self")
_PEAK_KIB = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class PeakMemory:
    """Peak since `start`: of the tensors on a CUDA device; on the CPU of the whole process with all its
    libraries, and where the system cannot forget an older peak, since the process began."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def start(self) -> None:
        """Forget what was before."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return
        try:
            (_PROCESS / "clear_refs").write_text("5", encoding="ascii")  # resets VmHWM: see proc(5)
        except OSError:
            return

    def read(self) -> int:
        """Return the bytes."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        try:
            found = _PEAK_KIB.search((_PROCESS / "status").read_text(encoding="ascii"))
        except OSError:
            found = None
        if found:
            return int(found[1]) * 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
