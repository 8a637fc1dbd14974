# SPDX-License-Identifier: Apache-2.0
"""How much memory the network's device has in use, and what to say when it has run out."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

import torch

_UNITS = {"bytes": 0, "KiB": 10, "MiB": 20, "GiB": 30}
_WANTED = re.compile(r"(?:[Tt]ried|[Uu]nable) to allocate ([\d.]+) (bytes|KiB|MiB|GiB)")
# PyTorch has no class of its own for the CPU's allocator, nor for what CUDA's libraries say.
_SIGNS = (
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


class MemoryUse(NamedTuple):
    """Bytes in use and in all, and whose they are: "cuda:0", or "process" on the CPU."""

    used_bytes: int
    total_bytes: int
    what: str


def memory_use(device: torch.device) -> MemoryUse:
    """Return a CUDA device's memory held by this process (tensors and PyTorch's cache) and its size.

    On the CPU: the resident memory of this process, and the machine's memory.
    """
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        return MemoryUse(torch.cuda.memory_reserved(device), int(total), str(device))
    page = os.sysconf("SC_PAGE_SIZE")
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return MemoryUse(resident * page, os.sysconf("SC_PHYS_PAGES") * page, "process")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whichever device."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def wanted_bytes(error: BaseException) -> int | None:
    """Read from PyTorch's message how much the allocation that failed was for; None where it does not say."""
    found = _WANTED.search(str(error))
    return int(float(found[1]) * 2 ** _UNITS[found[2]]) if found else None


def shortage(error: BaseException, device: torch.device) -> str:
    """Say how much was wanted, where the exception says so, and how much is in use."""
    used, total, what = memory_use(device)
    wanted = wanted_bytes(error)
    more = f"{wanted / 2**30:.2f} GiB more needed, " if wanted else ""
    return f"{more}{what} uses {used / 2**30:.2f} of {total / 2**30:.2f} GiB"


def give_back_unused(device: torch.device) -> None:
    """Return what PyTorch caches on a CUDA device; other processes can have it then."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
