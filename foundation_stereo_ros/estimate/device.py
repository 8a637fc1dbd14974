# SPDX-License-Identifier: Apache-2.0
"""The device that a network runs on: its name, its arithmetic, and its memory."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import nn

from foundation_stereo_ros.errors import ConfigError, DeviceMemoryError
from foundation_stereo_ros.nets.stereo import NetworkConfig, StereoConfig
from foundation_stereo_ros.nets.video import AnyVideoConfig
from foundation_stereo_ros.nets.views import ViewsConfig

Network = TypeVar("Network", bound=nn.Module)

_log = logging.getLogger(__name__)


def torch_device(name: str) -> torch.device:
    """Return the device that a setting names; ``auto`` is a GPU if there is one.

    Raises:
        ConfigError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device is {name!r}; expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device is {name!r}; PyTorch sees {torch.cuda.device_count()} CUDA devices here")
    return device


_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def arithmetic(
    precision: str, device: torch.device, network: StereoConfig | AnyVideoConfig | ViewsConfig
) -> torch.dtype:
    """Return the type that a setting means on a device.

    ``auto`` means fp16 on a GPU. On a CPU it means bf16 where the processor multiplies it natively and the
    network is the ``tiny`` one of this package, whose disparities change by hundredths of a pixel
    (docs/weights.md); for the published networks, ``lean``, posed video and views that was not measured, so
    they run in fp32.

    Args:
        precision: ``auto``, ``fp32``, ``fp16`` or ``bf16``.
        device: where the network runs.
        network: its configuration.
    """
    if precision == "auto":
        if device.type == "cuda":
            return torch.float16
        small = isinstance(network, NetworkConfig) and network.monocular is None
        return torch.bfloat16 if small and device.type == "cpu" and multiplies_bf16() else torch.float32
    if precision == "fp16" and device.type == "cpu":
        _log.warning("precision fp16 is many times slower than fp32 on a CPU; expected fp32 or bf16 there")
    return _DTYPES[precision]


def multiplies_bf16() -> bool:
    """Return whether this computer's processor has instructions for bf16 (AVX-512 BF16 or AMX)."""
    # torch knows, but tells only under names that may change
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in checks)


def brought(model: Network, device: torch.device) -> Network:
    """Move a network to a device, or leave it in main memory.

    Raises:
        DeviceMemoryError: there is no room for it.
    """
    try:
        return model.to(device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        missing = shortage(error, device)
    model.to("cpu")  # the part that is there already
    give_back_unused(device)
    raise DeviceMemoryError(f"the network does not fit: {missing}")


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


def available_bytes() -> int:
    """Return how much main memory new data may take before the machine begins to swap."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
    except (OSError, StopIteration):  # no Linux
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


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
