# SPDX-License-Identifier: Apache-2.0
"""A stereo rig that moves through one room, with exact depth: what the demonstration recording shows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.indoors import room
from foundation_stereo_ros.scenes.raycast.compose.materials import Style
from foundation_stereo_ros.scenes.raycast.compose.world import Light, Shape, Vector, World, rotation
from foundation_stereo_ros.scenes.raycast.render.tensors import pack
from foundation_stereo_ros.scenes.raycast.render.view import Rendered, render
from foundation_stereo_ros.scenes.raycast.sensor import SensorBatch, expose
from foundation_stereo_ros.scenes.seeds import DEMONSTRATION
from foundation_stereo_ros.shapes import DepthMap, Mask, RgbImage, ShiftMap

LOOP = 160
"""Moments until the rig is back where it began."""

_FOCAL_SHARE = 0.8
_BRIGHTNESS = 0.4
_GAMMA = 0.85
_NOISE = (0.004, 0.01)
_PLACING_SIZE = (480, 640)
_STYLE = Style(plain=0.2, vivid=0.5, grain=0.4, gloss=0.3)
_CLEARANCE = 0.75  # metres from the first position to anything but the room


@dataclass(frozen=True, eq=False)
class SequenceFrame:
    """What the rig sees at one moment.

    Attributes:
        left, right: H x W x 3, RGB.
        disparity: H x W, pixels, exact.
        depth: H x W, metres, exact.
        occluded: H x W, true where the right camera does not see it.
        focal, cx, cy: of both cameras, pixels.
        baseline: metres.
        position: 3, of the left camera in the room, metres.
        orientation: 3 x 3, axes (columns) of the left camera in the room.
    """

    left: RgbImage
    right: RgbImage
    disparity: ShiftMap
    depth: DepthMap
    occluded: Mask
    focal: float
    cx: float
    cy: float
    baseline: float
    position: Vector
    orientation: Vector


class SceneSequence:
    """One furnished room, two balls that swing in it, and a rig on a closed path.

    Args:
        seed: which room; never one of training or validation.
        baseline: metres.
        device: where to render.
    """

    def __init__(self, seed: int = 0, baseline: float = 0.12, device: torch.device | str = "cpu") -> None:
        self.baseline = baseline
        self.device = torch.device(device)
        self._seed = DEMONSTRATION + (seed << 20)
        self._world = _furnish(np.random.default_rng(self._seed))
        self._gain: float | None = None

    def frame(self, index: int, height: int, width: int) -> SequenceFrame:
        """Render a moment. index: 0 and up, at about 15 a second; height, width: of the pictures."""
        world = _moved(self._world, index)
        focal = _FOCAL_SHARE * width
        cx, cy = 0.5 * (width - 1), 0.5 * (height - 1)
        picture = self._render(world, (focal, cx, cy, self.baseline), height, width)
        left, right = expose(picture.left, picture.right, self._sensors(index))
        hidden = picture.occluded if picture.occluded is not None else torch.zeros_like(picture.depth) > 0
        rgb = [image[0].permute(1, 2, 0).to("cpu", torch.uint8).numpy() for image in (left, right)]
        return SequenceFrame(
            left=rgb[0],
            right=rgb[1],
            disparity=picture.disparity[0, 0].cpu().numpy(),
            depth=picture.depth[0, 0].cpu().numpy(),
            occluded=hidden[0, 0].cpu().numpy(),
            focal=focal,
            cx=cx,
            cy=cy,
            baseline=self.baseline,
            position=world.position,
            orientation=world.view,
        )

    @torch.no_grad()
    def _render(
        self, world: World, camera: tuple[float, float, float, float], height: int, width: int
    ) -> Rendered:
        return render(pack([world], [camera]).to(self.device), height, width, occlusion=True)

    def _sensors(self, index: int) -> SensorBatch:
        """Return a good camera pair with the exposure of the first frame, so that nothing flickers."""
        if self._gain is None:
            small = self._render(_moved(self._world, 0), (76.8, 47.5, 35.5, self.baseline), 72, 96)
            self._gain = _BRIGHTNESS / max(float(small.left.mean()), 1e-3)
        numbers = torch.tensor([self._gain, _GAMMA, 0.1, 0.35, 1.0, 1.0, 1.0, 0.0]).repeat(1, 2, 1)
        sensors = SensorBatch.plain(
            numbers, torch.tensor([_NOISE]), torch.zeros(1, 2), (self._seed + 1 + index,)
        )
        return sensors.to(self.device)


def _furnish(rng: np.random.Generator) -> World:
    height, width = _PLACING_SIZE
    composer = Composer(rng, width, height, _FOCAL_SHARE * width, 0.5 * width, 0.5 * height, _STYLE)
    room(composer, clutter=1.6)
    composer.drop_nearer_than(_CLEARANCE)
    for sign in (-1.0, 1.0):
        depth = rng.uniform(1.3, 2.2)
        center = composer.in_view(depth, -0.25)
        radius = rng.uniform(0.08, 0.16)
        composer.add(Shape.ELLIPSOID, center, (radius,) * 3, composer.material(depth, plain=0.0))
        swing = (sign * rng.uniform(0.2, 0.5), 0.0, rng.uniform(-0.2, 0.2))
        composer.world.primitives[-1] = dataclasses.replace(composer.world.primitives[-1], swing=swing)
    composer.world.light = Light(
        np.array([0.8, -1.5, 0.3]), 0.45, 0.3, 1.5, np.array([1.0, 0.98, 0.94]), size=0.12, shadows=True
    )
    return composer.world


def _moved(world: World, index: int) -> World:
    """Return the world at a moment: the rig on a flat eight, what swings at its place."""
    angle = 2.0 * np.pi * index / LOOP
    sideways, ahead = 0.28 * np.sin(angle), 0.18 * (1.0 - np.cos(2.0 * angle)) / 2.0
    position = world.view @ np.array([sideways, 0.05 * np.sin(2.0 * angle), ahead])
    turn = rotation(-0.12 * np.sin(angle), 0.03 * np.sin(2.0 * angle), 0.015 * np.sin(angle))
    swung = [
        dataclasses.replace(p, center=p.center + np.array(p.swing) * np.sin(3.0 * angle))
        for p in world.primitives
    ]
    return dataclasses.replace(world, primitives=swung, position=position, view=world.view @ turn)
