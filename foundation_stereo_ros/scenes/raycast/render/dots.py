# SPDX-License-Identifier: Apache-2.0
"""Light of a dot projector. The dots lie on the surfaces, so both cameras see the same ones.

The projector stands midway between the cameras; that near things keep its light from farther ones is left
out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.render.noise import cell_random
from foundation_stereo_ros.scenes.raycast.render.tensors import LightColumn, SceneBatch

_LIT = 0.55  # share of the projector's cells that have a dot


def dot_light(scene: SceneBatch, point: Tensor, facing: Tensor) -> Tensor:
    """Return the light on B x 3 x N points; facing: B x N cosine to the camera. The result is B x N, 0 and
    up."""
    light = scene.light
    x = point[:, 0] - 0.5 * scene.camera[:, 3:]
    depth = point[:, 2].clamp(min=1e-3)
    frequency = light[:, LightColumn.DOT_FREQUENCY, None]
    u, v = x / depth * frequency, point[:, 1] / depth * frequency
    row = v.floor()
    u = u + 16.0 * cell_random(torch.zeros_like(row), row)[:, 3]  # rows do not line up
    column = u.floor()
    chance = cell_random(column, row)
    radius = light[:, LightColumn.DOT_RADIUS, None]
    du = u - column - 0.5 - (1.0 - 4.0 * radius).clamp(min=0.0) * (chance[:, 0] - 0.5)
    dv = v - row - 0.5 - (1.0 - 4.0 * radius).clamp(min=0.0) * (chance[:, 1] - 0.5)
    blob = torch.exp(-(du * du + dv * dv) / (radius * radius)) * (chance[:, 2] < _LIT)
    reach = light[:, LightColumn.DOT_REACH, None]
    near = (reach / depth).clamp(max=1.0).square()
    strength: Tensor = light[:, LightColumn.DOTS, None] * blob * near * (0.5 + chance[:, 3])
    return strength * (0.3 + 0.7 * facing.clamp(min=0.0))
