# SPDX-License-Identifier: Apache-2.0
"""Small scenes whose answers are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from foundation_stereo_ros.scenes.raycast.compose.materials import random_material
from foundation_stereo_ros.scenes.raycast.compose.world import Primitive, Shape, World
from foundation_stereo_ros.scenes.raycast.render.tensors import SceneBatch, pack

FOCAL, BASELINE, WALL = 60.0, 0.1, 3.0
HEIGHT, WIDTH = 48, 80


@pytest.fixture
def scene_with() -> Callable[..., SceneBatch]:
    """Return a function: surfaces -> a scene of them before a wall at `WALL` metres, straight ahead."""

    def build(*primitives: Primitive, camera: tuple[float, float, float, float] | None = None) -> SceneBatch:
        rng = np.random.default_rng(3)
        room = Primitive(
            Shape.ROOM, np.eye(3), np.array([0.0, 0.0, 1.0]), np.array([9.0, 9.0, WALL - 1.0]), 0
        )
        materials = [random_material(rng, WALL / FOCAL) for _ in range(7)]
        world = World(primitives=[room, *primitives], materials=materials)
        return pack([world], [camera or (FOCAL, (WIDTH - 1) / 2, (HEIGHT - 1) / 2, BASELINE)])

    return build
