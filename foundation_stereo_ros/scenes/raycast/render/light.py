# SPDX-License-Identifier: Apache-2.0
"""Light on surface points: from everywhere, from the lamp where it is in sight, from a dot projector; a
highlight, a gloss of the surroundings, and soft patches that lie on the surfaces.

A lamp has five points: its middle and the corners of a tetrahedron. Every pixel's five rays (`view`) take one
each, so that shadows are soft in five steps at the price of hard ones, and lie on the surfaces alike in both
views. The dot projector stands midway between the cameras, and its dots lie on the surfaces; that near things
keep its light from farther ones is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.compose.materials import Column
from foundation_stereo_ros.scenes.raycast.compose.world import Shape
from foundation_stereo_ros.scenes.raycast.render.hits import Hits
from foundation_stereo_ros.scenes.raycast.render.rays import cast, in_pyramid
from foundation_stereo_ros.scenes.raycast.render.tensors import LightColumn, SceneBatch
from foundation_stereo_ros.scenes.raycast.render.textures import cell_random, lattice_noise

_LIT = 0.55  # share of the projector's cells that have a dot
_POINTS = torch.tensor(
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
) * (3.0**-0.5)
_WIDE = 0.1  # smallest cosine to their middle of rays that are worth sorting surfaces for
_TOGETHER = 4096  # neighbouring rays for which the surfaces are sorted out once
_LIFT = 1.5e-3  # a shadow ray begins this share of the depth off its surface
_SKYLIGHT = 0.3  # how much more of the ambient light comes from above than from the side


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


def lamp_points(height: int, width: int, device: torch.device) -> Tensor:
    """Return the lamp's point, 0 to 4, for each ray: the pixel centres row by row, then the corners."""
    rows, columns = torch.arange(height + 1, device=device), torch.arange(width + 1, device=device)
    corner = 1 + 2 * (rows % 2)[:, None] + columns % 2
    return torch.cat([corner.new_zeros(height * width), corner.reshape(-1)])


def lit(scene: SceneBatch, hits: Hits, depth: Tensor, lamp: Tensor) -> Tensor:
    """Return 1 where the lamp's point is in sight, else 0.

    Args:
        scene: B scenes.
        hits: N surface points.
        depth: B x N, metres: how far the points are from the camera.
        lamp: N, from `lamp_points`.

    Returns:
        B x N.
    """
    if not scene.shadowed:
        return torch.ones_like(depth)
    point = hits.point + _LIFT * depth[:, None] * hits.normal
    position = scene.light[:, LightColumn.POSITION : LightColumn.POSITION + 3]
    spread = scene.light[:, LightColumn.SIZE, None, None] * _POINTS.to(depth.device)
    light = position[:, :, None] + spread.transpose(1, 2)[:, :, lamp]
    if depth.device.type != "cpu" or len(depth) > 1:
        ((reach, _),) = cast(scene, point - light, (light,), _casting(scene))
        free = (reach > 1.0) | (scene.light[:, LightColumn.SHADOWS, None] == 0)
        return free.to(depth.dtype)
    # one scene on a CPU: leave out what the lamp cannot reach anyway, and what stands aside
    result = torch.ones_like(depth)
    facing = ((hits.normal * (light - point)).sum(1)[0] > 0).nonzero()[:, 0]
    for some in facing.split(_TOGETHER) if len(facing) else ():
        start, ray = light[:, :, some], (point - light)[:, :, some]
        ((reach, _),) = cast(scene, ray, (start,), _near_rays(scene, ray, position))
        result[0, some] = (reach[0] > 1.0).to(depth.dtype)
    return result


def _casting(scene: SceneBatch) -> list[int]:
    """Return the rows of surfaces that cast shadows: all but panes, and the room, which is around the
    lamp."""
    kinds = [kind for kind in Shape if kind not in (Shape.ROOM, Shape.PANE)]
    return [row for kind in kinds for row in range(*scene.slots[kind])]


def _near_rays(scene: SceneBatch, rays: Tensor, position: Tensor) -> list[int]:
    """Return the rows that may stand in the way of one scene's rays (1 x 3 x N) from around a position (1 x
    3)."""
    axis = torch.nn.functional.normalize(torch.nn.functional.normalize(rays, dim=1).mean(2), dim=1)
    turn = _frame_around(axis[0])
    ahead = turn @ rays[0]
    if float((ahead[2] / torch.linalg.vector_norm(ahead, dim=0)).min()) < _WIDE:
        return _casting(scene)
    slope = (ahead[:2] / ahead[2])[None]
    axes = scene.surfaces[:, :, :9].unflatten(2, (3, 3)) * scene.surfaces[:, :, None, 12:15]
    center = (scene.surfaces[:, :, 9:12] - position[:, None]) @ turn.T
    margin = 2.0 * scene.light[:, LightColumn.SIZE, None]
    met = in_pyramid(turn @ axes, center, slope.amin(2), slope.amax(2), margin)[0]
    begins = center[0, :, 2] - (turn @ axes)[0, :, 2].abs().sum(1)
    met &= begins <= ahead[2].max() + margin[0]
    chosen = met.tolist()
    return [row for row in _casting(scene) if chosen[row]]


def _frame_around(axis: Tensor) -> Tensor:
    """Return a 3 x 3 turn that takes an axis to z."""
    other = torch.tensor([1.0, 0.0, 0.0] if abs(float(axis[0])) < 0.8 else [0.0, 1.0, 0.0])
    side = torch.nn.functional.normalize(torch.linalg.cross(axis, other), dim=0)
    return torch.stack([side, torch.linalg.cross(axis, side), axis])


def shade(scene: SceneBatch, hits: Hits, color: Tensor, directions: Tensor, lit: Tensor) -> Tensor:
    """Return what a camera receives.

    Args:
        scene: B scenes.
        hits: N surface points.
        color: B x 3 x N, of the surfaces.
        directions: B x 3 x N, of the rays that met them.
        lit: B x N, share of the lamp that reaches them, from `lit`.

    Returns:
        B x 3 x N, 0 and up.
    """
    light, m = scene.light, hits.material
    towards = light[:, :3, None] - hits.point
    distance = (towards * towards).sum(1).add(1e-12).sqrt()
    towards = towards / distance[:, None]
    viewer = -directions * torch.rsqrt((directions * directions).sum(1, keepdim=True))
    facing = (hits.normal * towards).sum(1)
    direct = _direct(light, facing, distance, lit) * _patches(scene, hits)
    up = -(hits.normal * scene.view[:, 1, :, None]).sum(1)  # the world's y points down
    ambient = light[:, LightColumn.AMBIENT, None] * (1.0 + _SKYLIGHT * up)
    tint = light[:, LightColumn.TINT : LightColumn.TINT + 3, None]
    received = (ambient + direct)[:, None] * tint
    if scene.dotted:
        straight = (hits.normal * viewer).sum(1)
        received = received + dot_light(scene, hits.point, straight)[:, None]
    gloss = _highlight(m, hits.normal, towards, viewer) * (facing > 0) * lit
    lit_color = color * received + gloss[:, None] * tint + _surroundings(scene, hits, viewer)[:, None]
    return torch.lerp(lit_color, color * 1.2, m[:, Column.GLOW, None]).clamp(min=0.0)


def _direct(light: Tensor, facing: Tensor, distance: Tensor, lit: Tensor) -> Tensor:
    # ceilings and far sides are not black: some light wraps around
    diffuse = (0.25 * facing).clamp(min=-0.1, max=0.0) + facing.clamp(min=0.0) * lit
    reach = light[:, LightColumn.REACH, None]
    falloff = torch.where(reach > 0, (reach / distance).square().clamp(max=2.5), 1.0)
    return (1.0 - light[:, LightColumn.AMBIENT, None]) * diffuse * falloff


def _patches(scene: SceneBatch, hits: Hits) -> Tensor:
    frequency = scene.light[:, LightColumn.MOTTLE_FREQUENCY, None, None]
    world = torch.bmm(scene.view, hits.point) * frequency
    strength = scene.light[:, LightColumn.MOTTLE, None]
    if strength.device.type == "cpu" and not strength.any():
        return torch.ones_like(hits.point[:, 0])
    return 1.0 + strength * (lattice_noise(world)[:, 0] * 3.0).clamp(-1.0, 1.0)


def _highlight(m: Tensor, normal: Tensor, towards: Tensor, viewer: Tensor) -> Tensor:
    between = towards + viewer
    between = between * torch.rsqrt((between * between).sum(1, keepdim=True) + 1e-12)
    shine = (normal * between).sum(1).clamp(min=1e-4) ** m[:, Column.SHININESS].clamp(min=1.0)
    return m[:, Column.SPECULAR] * shine


def _surroundings(scene: SceneBatch, hits: Hits, viewer: Tensor) -> Tensor:
    """Return what polished surfaces show of a world beyond the scene: bright above, with windows; it moves
    with the viewer, unlike everything else."""
    polish = hits.material[:, Column.POLISH]
    if polish.device.type == "cpu" and not polish.any():
        return torch.zeros_like(polish)
    straight = (hits.normal * viewer).sum(1)
    mirrored = torch.bmm(scene.view, 2.0 * straight[:, None] * hits.normal - viewer)
    x, y, z = mirrored.unbind(1)
    panes = ((5.0 * x + 1.0).sin() * (4.0 * y).sin() * (4.0 * z + 2.0).cos() * 8.0 - 1.5).clamp(0.0, 1.0)
    grazing = (1.0 - straight.clamp(0.0, 1.0)) ** 5
    return polish * (0.25 + 0.75 * grazing) * (0.35 - 0.3 * y + 0.9 * panes)
