# SPDX-License-Identifier: Apache-2.0
"""What chance has put into a scene, told from its seed alone: no scene is built for it."""

from __future__ import annotations

from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.seeds import Ingredient, ingredient

# trait, which is also the name of its chance -> the stream that decides about it, its number, and the
# place of the decision in it
_DECISIONS = {
    "fog": (Ingredient.FOG, 0, 0),
    "dots": (Ingredient.DOTS, 0, 0),
    "mirror": (Ingredient.MIRRORS, 0, 0),
    "pane": (Ingredient.PANES, 0, 0),
    "wire": (Ingredient.WIRES, 0, 0),
    "regular": (Ingredient.TEXTURE, 0, 0),
    "bare": (Ingredient.TEXTURE, 0, 1),
}
_FLAWS = {
    "defocus": (Ingredient.FOCUS, 1, 0),
    "motion": (Ingredient.MOTION, 1, 0),
    "dark": (Ingredient.DARK, 1, 0),
    "jpeg": (Ingredient.JPEG, 1, 0),
    "misalignment": (Ingredient.ROWS, 1, 0),
}
TRAITS = (*_DECISIONS, *_FLAWS)
"""All that a scene may have. Each is a chance of `SceneConfig`, there with ``_chance`` behind its name."""


def traits(config: SceneConfig, seed: int) -> tuple[str, ...]:
    """Return which of `TRAITS` a scene has. Wires, panes and mirrors may still have found no place in it."""
    possible = {**_DECISIONS, **_FLAWS} if config.flaws > 0 else _DECISIONS
    return tuple(
        name
        for name, (kind, draw, place) in possible.items()
        if ingredient(seed, kind, draw).random(place + 1)[place] < getattr(config, f"{name}_chance")
    )
