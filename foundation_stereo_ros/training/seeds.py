# SPDX-License-Identifier: Apache-2.0
"""Which scenes are for what. The ranges never meet, so what is measured or shown was never trained on.

Training: 0 up to 2^40, hashed from the run's seed, the step and the place in the batch. Validation: from
2^40.
Demonstrations: from 2^41.
"""

from __future__ import annotations

VALIDATION = 1 << 40
DEMONSTRATION = 1 << 41
_MASK = (1 << 64) - 1


def training_seeds(run: int, step: int, batch: int) -> list[int]:
    """Return the seeds of a step's pairs."""
    return [_mix(_mix(_mix(run) + step) + index) >> 24 for index in range(batch)]


def step_seed(run: int, step: int) -> int:
    """Return a seed for all other chance in a step (augmentation)."""
    return _mix(_mix(run ^ 0x5DEECE66D) + step) >> 1


def _mix(value: int) -> int:
    """Scatter 64 bits (the finaliser of SplitMix64)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
