# SPDX-License-Identifier: Apache-2.0
"""The machine: its device, cores and shared memory."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from typing import Any


def device_name(device: str) -> str:
    """Return the name of the GPU; "cpu" for the processor."""
    if not is_cuda(device):
        return device
    import torch

    return torch.cuda.get_device_name(device)


def has_no_device(device: str) -> bool:
    """Tell whether there is no such device here, and say so."""
    if not is_cuda(device):
        return False
    question = "import sys, torch; sys.exit(0 if torch.cuda.is_available() else 4)"
    status = subprocess.run([sys.executable, "-c", question], check=False).returncode
    if status:
        print(f"no CUDA device here, or no torch (status {status}); expected both, or --device cpu to try it")
    return status != 0


def is_cuda(device: str) -> bool:
    """Tell whether a device is a GPU."""
    return device.startswith("cuda")


def dtype_of(precision: str) -> Any:
    """Return torch's type of an arithmetic."""
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]


def cores() -> int:
    """Return how many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared_memory() -> int:
    """Return the free bytes of the memory through which workers hand over what they made."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage("/dev/shm").free
    return 1 << 40  # a system without that folder


def one_line(error: BaseException) -> str:
    """Return the first line of what an error says, cut to 300 characters."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
