# SPDX-License-Identifier: Apache-2.0
"""Seeds in, rectified stereo pairs with exact disparity out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.atmosphere import finish
from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.indoors import corner, room, stack, tabletop
from foundation_stereo_ros.scenes.raycast.compose.materials import Style
from foundation_stereo_ros.scenes.raycast.compose.outdoors import flying, outdoor, street, thicket
from foundation_stereo_ros.scenes.raycast.compose.world import World
from foundation_stereo_ros.scenes.raycast.config import COMPOSITIONS, SceneConfig
from foundation_stereo_ros.scenes.raycast.render.tensors import SceneBatch, TensorRecord, pack
from foundation_stereo_ros.scenes.raycast.render.view import render
from foundation_stereo_ros.scenes.raycast.sensor import SensorBatch, expose, sample_sensors
from foundation_stereo_ros.scenes.seeds import Ingredient, ingredient

Composition = Callable[[Composer, float], None]
"""(composer, factor on the number of things)."""

FILL: dict[str, Composition] = {
    "room": room,
    "outdoor": outdoor,
    "flying": flying,
    "tabletop": tabletop,
    "street": street,
    "thicket": thicket,
    "corner": corner,
    "stack": stack,
}
OPEN_AIR = ("outdoor", "street")
"""Those under the sky: their light comes from afar."""


Camera = tuple[float, float, float, float]


@dataclass(frozen=True)
class StereoBatch:
    """B rectified pairs.

    Attributes:
        left, right: B x 3 x H x W float32, 0 to 255.
        disparity: B x 1 x H x W float32, pixels: left column minus right column of the surface at a left
            pixel.
        valid: B x 1 x H x W bool: finite, and below the largest disparity of the network in training.
        occluded: B x 1 x H x W bool: the right camera does not see it; None where it was not asked for.
        camera: B x 4: focal length, cx, cy in pixels, baseline in metres.
    """

    left: Tensor
    right: Tensor
    disparity: Tensor
    valid: Tensor
    occluded: Tensor | None
    camera: Tensor


@dataclass(frozen=True)
class Plan(TensorRecord):
    """Scenes and cameras before rendering; small, made on the CPU, by other processes if need be."""

    scenes: SceneBatch
    sensors: SensorBatch
    height: int
    width: int


class SceneGenerator:
    """Makes stereo pairs of random scenes; a pair depends on its seed and size alone.

    Args:
        config: what scenes are like; the default mixture if None.
        device: where to render.
        max_disparity: bound for `StereoBatch.valid`, pixels.
    """

    def __init__(
        self,
        config: SceneConfig | None = None,
        device: torch.device | str = "cpu",
        max_disparity: float = 192.0,
    ) -> None:
        self.config = config or SceneConfig()
        self.device = torch.device(device)
        self.max_disparity = max_disparity

    def generate(
        self,
        seed: int | Sequence[int],
        batch: int = 1,
        height: int = 384,
        width: int = 640,
        occlusion: bool = True,
    ) -> StereoBatch:
        """Render pairs.

        Args:
            seed: of the first pair, the others count up from it; or one seed for each pair, then ``batch``
                is ignored.
            batch: number of pairs.
            height, width: of the pictures, pixels.
            occlusion: whether to find out what the right camera does not see.
        """
        seeds = [seed + index for index in range(batch)] if isinstance(seed, int) else list(seed)
        return self.render(plan(self.config, seeds, height, width), occlusion)

    @torch.no_grad()
    def render(self, scenes: Plan, occlusion: bool = True) -> StereoBatch:
        """Render planned pairs."""
        scenes = scenes.to(self.device)
        picture = render(scenes.scenes, scenes.height, scenes.width, occlusion)
        strength = scenes.scenes.camera[:, 0] * scenes.scenes.camera[:, 3]
        right_disparity = strength[:, None, None, None] / picture.right_depth
        both = (picture.disparity, right_disparity)
        left, right = expose(picture.left, picture.right, scenes.sensors, both)
        seen = (picture.right_depth > 0).flatten(1).all(dim=1)  # else the right camera is behind a wall
        valid = (picture.disparity < self.max_disparity) & seen[:, None, None, None]
        return StereoBatch(left, right, picture.disparity, valid, picture.occluded, scenes.scenes.camera)


def plan(config: SceneConfig, seeds: Sequence[int], height: int, width: int) -> Plan:
    """Draw scenes, cameras and flaws from seeds."""
    drawn = [compose(config, seed, height, width) for seed in seeds]
    scenes = pack([world for world, _ in drawn], [camera for _, camera in drawn])
    infrared = [world.dots is not None for world, _ in drawn]
    return Plan(scenes, sample_sensors(config, seeds, infrared), height, width)


def compose(config: SceneConfig, seed: int, height: int, width: int) -> tuple[World, Camera]:
    """Draw one scene and its camera (focal length, cx, cy in pixels, baseline in metres)."""
    rng = ingredient(seed, Ingredient.LAYOUT)
    kind = _composition(config, rng)
    focal = width * float(np.exp(rng.uniform(np.log(config.focal_low), np.log(config.focal_high))))
    spread = 0.03 if rng.random() < 0.6 else 0.2  # a crop of a larger picture has its centre elsewhere
    cx = width * (0.5 + spread * rng.uniform(-1, 1))
    cy = height * (0.5 + spread * rng.uniform(-1, 1))
    composer = Composer(rng, width, height, focal, cx, cy, _style(rng))
    FILL[kind](composer, config.clutter)
    nearest = composer.nearest_of_all()
    finish(composer, config, seed, nearest, kind in OPEN_AIR)
    highest = max(min(config.disparity_high, config.disparity_share * width), config.disparity_low)
    low, high = np.log(config.disparity_low), np.log(highest)
    nearest_disparity = float(np.exp(ingredient(seed, Ingredient.RANGE).uniform(low, high)))
    return composer.world, (focal, cx, cy, nearest_disparity * nearest / focal)


def composition(config: SceneConfig, seed: int) -> str:
    """Return which of the compositions a seed has."""
    return _composition(config, ingredient(seed, Ingredient.LAYOUT))


def _composition(config: SceneConfig, rng: np.random.Generator) -> str:
    shares = np.array(config.shares())
    return COMPOSITIONS[int(rng.choice(len(shares), p=shares / shares.sum()))]


def _style(rng: np.random.Generator) -> Style:
    return Style(
        plain=float(rng.choice([0.08, 0.3, 0.6], p=[0.7, 0.2, 0.1])),
        vivid=float(rng.choice([0.3, 0.7, 1.2])),
        grain=float(rng.choice([0.3, 0.6, 1.0])),
        gloss=float(rng.choice([0.1, 0.3, 0.6])),
    )
