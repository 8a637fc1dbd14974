# SPDX-License-Identifier: Apache-2.0
"""Which arithmetic the network's convolutions and products run in."""

from __future__ import annotations

import logging

import torch

from foundation_stereo_ros.nets.stereo import NetworkConfig, StereoConfig
from foundation_stereo_ros.nets.video import VideoConfig

_log = logging.getLogger(__name__)

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def arithmetic(precision: str, device: torch.device, network: StereoConfig | VideoConfig) -> torch.dtype:
    """Return the type that a setting means on a device.

    ``auto`` means fp16 on a GPU. On a CPU it means bf16 where the processor multiplies it natively and the
    network is the ``tiny`` one of this package, whose disparities change by hundredths of a pixel
    (docs/weights.md); for the published networks, ``lean`` and posed video that was not measured, so they run
    in fp32.

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
