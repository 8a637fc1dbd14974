# SPDX-License-Identifier: Apache-2.0
"""What is told of a scene from its seed is compared with the scenes that the generator plans."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from foundation_stereo_ros.scenes.raycast.config import COMPOSITIONS, SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import Plan, composition, plan
from foundation_stereo_ros.train.curation.scoring import TRAITS, traits

HALF = SceneConfig(**{f"{name}_chance": 0.5 for name in TRAITS}, clutter=0.3)
MAY_FIND_NO_PLACE = ("mirror", "pane", "wire", "regular", "bare")
SEEDS = range(100, 112)


def numbers(scenes: Plan) -> list[Any]:
    """Return all that a plan says, in a form that compares."""
    found: list[Any] = []
    for part in (scenes.scenes, scenes.sensors):
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            found.append(value.tolist() if isinstance(value, torch.Tensor | np.ndarray) else value)
    return found


def planned(config: SceneConfig, seed: int) -> list[Any]:
    return numbers(plan(config, [seed], 32, 64))


@pytest.mark.parametrize("trait", TRAITS)
def test_a_scene_has_a_trait_exactly_if_its_chance_made_a_difference(trait: str) -> None:
    without = HALF.without(f"{trait}_chance")
    had = {seed: trait in traits(HALF, seed) for seed in SEEDS}
    differs = {seed: planned(HALF, seed) != planned(without, seed) for seed in SEEDS}
    assert set(had.values()) == {True, False}
    assert not any(differs[seed] for seed in SEEDS if not had[seed])
    found = [differs[seed] for seed in SEEDS if had[seed]]
    assert any(found) if trait in MAY_FIND_NO_PLACE else all(found)


def test_perfect_cameras_have_no_flaws() -> None:
    config = dataclasses.replace(HALF, flaws=0.0)
    flaws = {"defocus", "motion", "dark", "jpeg", "misalignment"}
    assert any(flaws & set(traits(HALF, seed)) for seed in SEEDS)
    assert not any(flaws & set(traits(config, seed)) for seed in SEEDS)


def test_a_scene_is_filled_as_its_composition_says() -> None:
    config = SceneConfig(clutter=0.3)
    told = {seed: composition(config, seed) for seed in SEEDS}
    assert len(set(told.values())) > 2
    for seed, name in told.items():
        alone = dataclasses.replace(config, **{each: float(each == name) for each in COMPOSITIONS})
        assert planned(alone, seed) == planned(config, seed)
