# SPDX-License-Identifier: Apache-2.0
"""What a measurement was made on and with."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from foundation_stereo_ros import __version__

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
