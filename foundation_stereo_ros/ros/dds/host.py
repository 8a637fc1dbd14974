# SPDX-License-Identifier: Apache-2.0
"""What this computer allows, as far as it decides whether large messages come through."""

from __future__ import annotations

from pathlib import Path

_LIMIT = Path("/proc/sys/net/core/rmem_max")
_ENOUGH = 2**22


def receive_buffer_advice(limit: Path = _LIMIT) -> str:
    """Return a sentence where the system's receive buffers are too small for images; empty otherwise.

    An image comes as hundreds of packets at once. Cyclone DDS asks for a larger buffer than the default, and
    gets what this limit allows.
    """
    try:
        allowed = int(limit.read_text())
    except (OSError, ValueError):
        return ""
    if allowed >= _ENOUGH:
        return ""
    return (
        f"The receive buffers are limited to {allowed} bytes (net.core.rmem_max), less than a few images; on "
        "this computer: sudo sysctl -w net.core.rmem_max=67108864"
    )
