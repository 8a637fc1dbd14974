# SPDX-License-Identifier: Apache-2.0
"""Scenes packed into tensors, one row for each surface, so that a whole batch renders at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.materials import Column
from foundation_stereo_ros.scenes.raycast.compose.world import HEIGHT_GRID, Dots, Fog, Primitive, Shape, World

Self = TypeVar("Self", bound="TensorRecord")

ROW = 22  # rotation 9, centre 3, half sizes 3, extra 5, shape, material
_MEMBERS = ("fields", "shadowed", "bouncing", "dotted")
_NO_FOG = Fog(0.0, np.zeros(3))
_NO_DOTS = Dots(0.0, 1.0, 0.1, 1.0)


class TensorRecord:
    """Base of frozen dataclasses whose fields are tensors, records of tensors, and what stays where it is."""

    def to(self: Self, device: torch.device) -> Self:
        """Return the same on a device."""
        return self._changed(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self: Self) -> Self:
        """Return the same in page-locked memory, from where it copies without waiting."""
        return self._changed(Tensor.pin_memory)

    def _changed(self: Self, change: Callable[[Tensor], Tensor]) -> Self:
        changed: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                changed[name] = change(value)
            elif isinstance(value, TensorRecord):
                changed[name] = value._changed(change)
        return dataclasses.replace(self, **changed)  # type: ignore[type-var]


class LightColumn(IntEnum):
    """Where each number of a scene's light and air stands in its row."""

    POSITION = 0  # and 1, 2: metres in the left camera's frame
    AMBIENT = 3
    MOTTLE = 4
    MOTTLE_FREQUENCY = 5
    TINT = 6  # and 7, 8
    SIZE = 9
    REACH = 10
    SHADOWS = 11  # 1: things cast shadows
    FOG = 12  # density
    FOG_COLOR = 13  # and 14, 15
    DOTS = 16  # strength
    DOT_FREQUENCY = 17
    DOT_RADIUS = 18
    DOT_REACH = 19


LIGHT_COLUMNS = 20


@dataclass(frozen=True)
class SceneBatch(TensorRecord):
    """B scenes in their left cameras' frames.

    Attributes:
        surfaces: B x K x `ROW`; rows of one shape stand together, in the order of `Shape`.
        slots: for each shape, the range of its rows.
        materials: B x M x `foundation_stereo_ros.scenes.raycast.compose.materials.COLUMNS`.
        heights: B x 1 x G x G heights of every FIELD, 0..1.
        fields: which scenes have a FIELD.
        shadowed: in which scenes things cast shadows.
        bouncing: which scenes have surfaces that mirror, or that one looks through.
        dotted: which scenes have a dot projector.
        light: B x `LIGHT_COLUMNS`, as `LightColumn` says.
        view: B x 3 x 3, camera to world, for what hangs on the world's axes.
        camera: B x 4: focal length, cx, cy in pixels, baseline in metres.
    """

    surfaces: Tensor
    slots: tuple[tuple[int, int], ...]
    materials: Tensor
    heights: Tensor
    fields: tuple[int, ...]
    shadowed: tuple[int, ...]
    bouncing: tuple[int, ...]
    dotted: tuple[int, ...]
    light: Tensor
    view: Tensor
    camera: Tensor

    def pick(self, indices: Sequence[int]) -> SceneBatch:
        """Return some of the scenes, as a batch of their own."""
        chosen = torch.tensor(indices).to(self.camera.device, non_blocking=True)
        members: dict[str, Any] = {
            name: tuple(place for place, index in enumerate(indices) if index in getattr(self, name))
            for name in _MEMBERS
        }
        return dataclasses.replace(self._changed(lambda tensor: tensor[chosen]), **members)


def pack(worlds: Sequence[World], cameras: Sequence[tuple[float, float, float, float]]) -> SceneBatch:
    """Pack worlds, each with its camera (focal length, cx, cy, baseline), into one batch on the CPU."""
    counts = [[sum(p.shape == shape for p in world.primitives) for world in worlds] for shape in Shape]
    slots, start = [], 0
    for count in counts:
        slots.append((start, start + max(count)))
        start += max(count)
    surfaces = np.zeros((len(worlds), start, ROW))
    # an unused row is a speck far behind the camera
    surfaces[:, :, [0, 4, 8]] = 1.0
    surfaces[:, :, 11] = -1000.0
    surfaces[:, :, 12:15] = 1e-3
    materials = np.zeros((len(worlds), max(len(w.materials) for w in worlds), len(worlds[0].materials[0])))
    heights = np.zeros((len(worlds), 1, HEIGHT_GRID, HEIGHT_GRID), dtype=np.float32)
    for index, world in enumerate(worlds):
        free = [begin for begin, _ in slots]
        for primitive in world.primitives:
            surfaces[index, free[primitive.shape]] = _row(primitive, world)
            free[primitive.shape] += 1
        materials[index, : len(world.materials)] = world.materials
        if world.heights is not None:
            heights[index, 0] = world.heights
    return SceneBatch(
        surfaces=_tensor(surfaces),
        slots=tuple(slots),
        materials=_tensor(materials),
        heights=torch.from_numpy(heights),
        fields=tuple(i for i, count in enumerate(counts[Shape.FIELD]) if count),
        shadowed=tuple(i for i, world in enumerate(worlds) if world.light.shadows),
        bouncing=tuple(i for i, world in enumerate(worlds) if _bounces(world)),
        dotted=tuple(i for i, world in enumerate(worlds) if world.dots is not None),
        light=_tensor(np.stack([_light_row(world) for world in worlds])),
        view=_tensor(np.stack([world.view for world in worlds])),
        camera=_tensor(np.array(cameras)),
    )


def _row(primitive: Primitive, world: World) -> np.ndarray:
    to_camera = world.view.T
    return np.concatenate(
        [
            (to_camera @ primitive.rotation).ravel(),
            to_camera @ (primitive.center - world.position),
            primitive.half,
            primitive.extra,
            [primitive.shape, primitive.material],
        ]
    )


def _bounces(world: World) -> bool:
    return any(row[Column.MIRROR] > 0 or row[Column.THROUGH] > 0 for row in world.materials)


def _light_row(world: World) -> np.ndarray:
    light, fog, dots = world.light, world.fog or _NO_FOG, world.dots or _NO_DOTS
    position = world.view.T @ (light.position - world.position)
    return np.concatenate(
        [
            position,
            [light.ambient, light.mottle, light.mottle_frequency],
            light.tint,
            [light.size, light.reach, light.shadows, fog.density],
            fog.color,
            [dots.strength, dots.frequency, dots.radius, dots.reach],
        ]
    )


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
