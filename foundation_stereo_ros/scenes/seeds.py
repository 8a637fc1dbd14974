# SPDX-License-Identifier: Apache-2.0
"""Which scenes are for what. The ranges never meet, so what is measured or shown was never trained on.

Training: 0 up to 2^40, hashed from the run's seed, the step and the place in the batch.
Validation: from 2^40. Demonstrations: from 2^41.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from foundation_stereo_ros.errors import ConfigError

VALIDATION = 1 << 40
DEMONSTRATION = 1 << 41
_MASK = (1 << 64) - 1


class Ingredient(IntEnum):
    """What draws from a scene's seed, each from a stream of its own: one switched off changes nothing in the
    others."""

    LAYOUT = 0
    CAMERA = 1
    LIGHT = 2
    FOG = 3
    DOTS = 4
    MIRRORS = 5
    PANES = 6
    WIRES = 7
    TEXTURE = 8
    DARK = 9
    FOCUS = 10
    MOTION = 11
    ROWS = 12
    JPEG = 13
    RANGE = 14


def ingredient(seed: int, kind: Ingredient, draw: int = 0) -> np.random.Generator:
    """Return a stream of random numbers for one ingredient of one scene."""
    return np.random.default_rng((seed, int(kind), draw))


def training_seeds(run: int, step: int, batch: int) -> list[int]:
    """Return the seeds of a step's pairs."""
    return [_mix(_mix(_mix(run) + step) + index) >> 24 for index in range(batch)]


def checked_training_seed(seed: int, source: str) -> int:
    """Return the seed if it may be trained on.

    Raises:
        ConfigError: it may not; the message begins with ``source``, such as the name of a file.
    """
    if not 0 <= seed < VALIDATION:
        kind = "for demonstrations" if seed >= DEMONSTRATION else "for validation"
        held_back = f", which is {kind}" if seed >= 0 else ""
        raise ConfigError(f"{source}: seed {seed}{held_back}; expected 0 up to {VALIDATION - 1}")
    return seed


def step_seed(run: int, step: int) -> int:
    """Return a seed for all other chance in a step (augmentation)."""
    return _mix(_mix(run ^ 0x5DEECE66D) + step) >> 1


def epoch_seed(run: int, epoch: int) -> int:
    """Return a seed for the order in which an epoch takes kept seeds."""
    return _mix(_mix(run ^ 0x2545F4914F6C) + epoch) >> 1


def _mix(value: int) -> int:
    """Scatter 64 bits (the finaliser of SplitMix64)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
