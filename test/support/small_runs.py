# SPDX-License-Identifier: Apache-2.0
"""Settings of training runs that take a second."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, Any] = {
    "batch": 1,
    "height": 32,
    "width": 64,
    "iterations": 2,
    "steps": 4,
    "log_every": 1,
    "picture_every": 0,
    "validate_every": 0,
    "save_every": 0,
    "validation_pairs": 2,
}
