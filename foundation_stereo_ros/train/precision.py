# SPDX-License-Identifier: Apache-2.0
"""Which precision a run computes in."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from foundation_stereo_ros.errors import ConfigError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
FIRST_SCALE = 2.0**14
"""Of the loss in fp16, whose gradients would vanish otherwise."""

_WRONG_HEIGHTS = (32, 64)

_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """The precision of the forward pass on a device; weights, losses and disparities stay in fp32.

    Args:
        wanted: one of `PRECISIONS`; ``auto``: bf16 on CUDA, otherwise fp32.
        device: where.

    Raises:
        ConfigError: fp16 on a CPU.
    """

    def __init__(self, wanted: str, device: torch.device) -> None:
        automatic = "bf16" if device.type == "cuda" else "fp32"
        self.name = automatic if wanted == "auto" else wanted
        self._device = device.type
        if self.name == "fp16" and device.type != "cuda":
            raise ConfigError(f"training precision is 'fp16' on {device.type}; expected fp32 or bf16 there")

    def check_height(self, height: int) -> None:
        """Refuse pictures of so many rows where torch has wrong gradients for them.

        In bf16 on a CPU those of 3-D convolutions over volumes of two rows are what happens to be in memory
        (torch 2.13); they come up at 1/16 and 1/32 of the pictures' height.

        Raises:
            ConfigError: the height is one of those.
        """
        if self._device == "cpu" and self.name == "bf16" and height in _WRONG_HEIGHTS:
            raise ConfigError(f"training height is {height} in bf16 on cpu; expected 96 or more there")

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context for a forward pass."""
        kind = _TYPES.get(self.name)
        return torch.autocast(self._device, dtype=kind) if kind is not None else nullcontext()

    def scaler(self, scale: float) -> torch.amp.GradScaler:
        """Return what scales the loss, if it is needed; a run that was not in fp16 before begins anew.

        On CUDA it also skips steps with non-finite gradients without the device being waited for.
        """
        half, enabled = self.name == "fp16", self._device == "cuda"
        begin = scale if half and scale > 1 else FIRST_SCALE if half else 1.0
        # in other arithmetics it only skips: the scale stays what it is
        up, down = (2.0, 0.5) if half else (1.0 + 1e-9, 1.0 - 1e-9)
        return torch.amp.GradScaler(
            self._device, init_scale=begin, growth_factor=up, backoff_factor=down, enabled=enabled
        )
