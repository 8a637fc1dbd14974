# SPDX-License-Identifier: Apache-2.0
"""The range of depths that a network for posed video looks at, and its planes."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from foundation_stereo_ros.errors import check_fields


class DepthRange(Protocol):
    """What a configuration says of it."""

    @property
    def min_depth(self) -> float:
        """Metres, of the nearest plane and the least output."""

    @property
    def max_depth(self) -> float:
        """Metres, of the farthest plane and the greatest output."""


def check_depths(config: DepthRange) -> None:
    """Check a range.

    Raises:
        ConfigError: a bound is no number, or out of its range.
    """
    near, far = config.min_depth, config.max_depth
    for name, value in (("min_depth", near), ("max_depth", far)):
        check_fields("network", config, [(name, type(value) in (int, float), "a number of metres")])
    more = f"a finite number of metres, more than min_depth ({near})"
    check_fields("network", config, [("min_depth", near > 0, "a positive number of metres")])
    check_fields("network", config, [("max_depth", near < far < math.inf, more)])


def inverse_depths(planes: int, min_depth: float, max_depth: float) -> Tensor:
    """Return one over the planes' depths in 1/m, the farthest first; both bounds are included."""
    return torch.linspace(1 / max_depth, 1 / min_depth, planes, dtype=torch.float64)
