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

SMALL_VIDEO: dict[str, Any] = {
    "network": {"widths": [4, 8, 8, 8], "matching_width": 8, "groups": 2, "planes": 16},
    "steps": 4,
    "batch": 1,
    "views": 2,
    "height": 64,
    "width": 64,
    "validation_clips": 2,
    "log_every": 1,
    "validate_every": 4,
}


def small_video_network() -> dict[str, Any]:
    """Return sizes of a tiny DeepVideoMVS network."""
    return {"width": 4, "pyramid_width": 8, "planes": 8, "trunk_widths": [8, 8, 8, 16, 16]}
