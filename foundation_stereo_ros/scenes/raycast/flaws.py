# SPDX-License-Identifier: Apache-2.0
"""Which flaws the cameras of a scene have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.raycast.sensor import SensorBatch
from foundation_stereo_ros.scenes.seeds import Ingredient, ingredient

_PERFECT = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0])
_MONO = 7


def sample_sensors(config: SceneConfig, seeds: Sequence[int], infrared: Sequence[bool]) -> SensorBatch:
    """Draw flaws, each camera pair from its own seed; with ``flaws`` 0: perfect cameras.

    Args:
        config: chances and ranges.
        seeds: of the scenes.
        infrared: which cameras see no colour, whatever chance says.
    """
    strength = config.flaws
    numbers, noise, exposure = [], [], []
    for seed, grey in zip(seeds, infrared, strict=True):
        rng = ingredient(seed, Ingredient.CAMERA)
        pair = _PERFECT + strength * (_pair(rng) - _PERFECT)
        pair[:, _MONO] = np.maximum(pair[:, _MONO], grey)
        numbers.append(pair)
        noise.append([0.012 * rng.random() ** 2, 0.03 * rng.random() ** 2])
        exposure.append([rng.uniform(0.2, 0.5), np.exp(rng.uniform(np.log(0.9), np.log(2.5)))])
    dark = _chosen(seeds, Ingredient.DARK, config.dark_chance * (strength > 0))
    for index in dark:
        rng = ingredient(seeds[index], Ingredient.DARK)
        noise[index] = list(rng.uniform(0.01, 0.04, 2) * (1.0, 1.5))
        exposure[index][0] *= rng.uniform(0.3, 0.8)
    motion, rows = _motion(config, seeds), _rows(config, seeds)
    focus = [_focus(config, ingredient(seed, Ingredient.FOCUS)) for seed in seeds]
    quality = [ingredient(seed, Ingredient.JPEG).uniform(config.jpeg_low, config.jpeg_high) for seed in seeds]
    chances = {
        "defocused": (Ingredient.FOCUS, config.defocus_chance),
        "moved": (Ingredient.MOTION, config.motion_chance),
        "misaligned": (Ingredient.ROWS, config.misalignment_chance),
        "compressed": (Ingredient.JPEG, config.jpeg_chance),
    }
    return SensorBatch(
        numbers=_tensor(numbers),
        noise=_tensor(noise) * strength,
        exposure=_tensor(exposure) * (strength > 0),
        focus=_tensor(focus) * strength,
        motion=_tensor(motion),
        rows=_tensor(rows) * strength,
        quality=_tensor(quality),
        seeds=tuple(seeds),
        **{name: _chosen(seeds, kind, chance * (strength > 0)) for name, (kind, chance) in chances.items()},
    )


def _chosen(seeds: Sequence[int], kind: Ingredient, chance: float) -> tuple[int, ...]:
    """Return the places of those seeds that have the flaw; the draw is another one than those of its
    strength."""
    return tuple(
        place for place, seed in enumerate(seeds) if ingredient(seed, kind, draw=1).random() < chance
    )


def _pair(rng: np.random.Generator) -> np.ndarray:
    both, unlike, other = _draw(rng), rng.random() < 0.35, _draw(rng)
    right = both.copy()
    right[:2] = both[:2] * (1.0 + (0.12 if unlike else 0.02) * rng.standard_normal(2))
    right[3] = abs(both[3] + 0.1 * rng.standard_normal()) if not unlike else other[3]
    right[4:7] = both[4:7] * (1.0 + (0.05 if unlike else 0.01) * rng.standard_normal(3))
    return np.stack([both, right])


def _draw(rng: np.random.Generator) -> np.ndarray:
    strong = 0.0 if rng.random() < 0.55 else 1.0 if rng.random() < 0.85 else 2.0
    blur = (0.0, rng.uniform(0.2, 0.8), rng.uniform(0.8, 1.8))[int(strong)]
    cast = 1.0 + 0.08 * rng.standard_normal(3)
    vignetting = rng.random() * 0.5 * (rng.random() < 0.4)
    return np.array([1.0, rng.uniform(0.55, 1.1), vignetting, blur, *cast, float(rng.random() < 0.2)])


def _focus(config: SceneConfig, rng: np.random.Generator) -> list[float]:
    return [config.defocus * rng.uniform(0.25, 1.0), float(rng.choice([0.0, 1.0, rng.random()]))]


def _motion(config: SceneConfig, seeds: Sequence[int]) -> list[list[float]]:
    result = []
    for seed in seeds:
        rng = ingredient(seed, Ingredient.MOTION)
        length, angle = rng.uniform(config.motion_low, config.motion_high), rng.uniform(0.0, np.pi)
        result.append([length * np.cos(angle), length * np.sin(angle)])
    return result


def _rows(config: SceneConfig, seeds: Sequence[int]) -> list[np.ndarray]:
    # a mounting turns cameras more than it stretches them
    share = np.array([0.5, 0.35, 0.15]) * config.misalignment
    return [share * ingredient(seed, Ingredient.ROWS).uniform(-1.0, 1.0, 3) for seed in seeds]


def _tensor(values: object) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))
