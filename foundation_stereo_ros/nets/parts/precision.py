# SPDX-License-Identifier: Apache-2.0
"""Full precision inside a caller's `torch.autocast`."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Return half precision as float32; float32 and float64 as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def full_precision(x: Tensor) -> torch.autocast:
    """Return a context in which the device of ``x`` does not switch to half precision."""
    return torch.autocast(x.device.type, enabled=False)
