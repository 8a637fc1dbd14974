# SPDX-License-Identifier: Apache-2.0
"""From parameters to cameras and depths of several views.

The parameters are those of MASt3R-SfM (arXiv 2409.19152, section 4.2). Poses are chained along a tree; what
is chained is each view's pivot, a point at its median depth before the camera: at the start all cameras look
through one place. All sizes are relative to the smallest view, so that the scene cannot shrink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from foundation_stereo_ros.estimate.views.alignment.canonical import depth_basis
from foundation_stereo_ros.estimate.views.alignment.problem import Problem
from foundation_stereo_ros.estimate.views.alignment.tree import Tree
from foundation_stereo_ros.shapes import Matrix

Parameters = dict[str, Tensor]
"""``rotation`` n x 4 (x, y, z, w) and ``shift`` n x 3 relative to the parent, ``size`` n (log), ``principal``
n x 2 (as part of width and height) and ``focal`` n (log) or one row for all, ``depth`` n x A or n x k."""

_FOCAL = (0.25, 10.0)  # relative to the diagonal
_LEAST_DEPTH = 1e-4  # relative to the median, before a logarithm


@dataclass(frozen=True)
class DepthForm:
    """How depths at the anchors are told by parameters.

    Attributes:
        multiply: a longer focal length stretches the depths; otherwise it moves the camera back.
        logarithm: parameters are logarithms.
        rank: functions over the anchors instead of one parameter for each; 0: one each.
        gamma: how fast the functions' weight between anchors falls with their relative distance.
        least: least coefficient by which a function is scaled.
    """

    multiply: bool = False
    logarithm: bool = False
    rank: int = 0
    gamma: float = 15.0
    least: float = 0.5


class Lenses(NamedTuple):
    """What a view sees through, in pixels.

    Attributes:
        focal: n.
        principal: n x 2.
    """

    focal: Tensor
    principal: Tensor


class Placement(NamedTuple):
    """Where the cameras are.

    Attributes:
        rotation: n x 3 x 3, camera to world.
        centre: n x 3.
        size: n; length of the unit of each view's own depths.
    """

    rotation: Tensor
    centre: Tensor
    size: Tensor


class CameraModel:
    """Turns parameters into cameras, depths and points.

    Args:
        problem: the views.
        tree: along which poses are chained.
        form: of the depths.
        shared: weights of the views, n, of which the shared intrinsics start as the average; None: each view
            has its own.
        poses: rotations n x 3 x 3 and centres n x 3 that are known and stay; None: they are sought.
    """

    def __init__(
        self,
        problem: Problem,
        tree: Tree,
        form: DepthForm | None = None,
        shared: Tensor | None = None,
        poses: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.problem, self.form, self.poses = problem, form or DepthForm(), poses
        self.root, self._edges = tree.root, tree.edges
        order = [tree.root]
        self._levels = []
        for level in tree.levels():
            parents = torch.tensor([order.index(parent) for parent, _ in level])
            children = torch.tensor([child for _, child in level])
            order += [child for _, child in level]
            self._levels.append((parents, children))
        self._place = torch.tensor([order.index(view) for view in range(len(order))])
        self._diagonal = problem.size.norm(dim=1)
        self._shared = shared
        self._basis, self._depth_start = self._depths()

    def start(self, poses: Sequence[Matrix | None] = ()) -> Parameters:
        """Return the parameters to start from.

        Args:
            poses: of each view, 4 x 4, camera to world, where it is roughly known; a view without one starts
                where its parent is. Empty: none is known.
        """
        problem = self.problem
        count = len(problem.focal)
        principal, focal = problem.principal / problem.size, problem.focal.log()
        if self._shared is not None:
            part = self._shared / self._shared.sum()
            principal = (part[:, None] * principal).sum(dim=0, keepdim=True)
            focal = (part * problem.focal).sum(dim=0, keepdim=True).log()
        found = {
            "rotation": torch.tensor([0.0, 0.0, 0.0, 1.0]).repeat(count, 1),
            "shift": torch.zeros(count, 3),
            "size": torch.zeros(count),
            "principal": principal,
            "focal": focal,
            "depth": self._depth_start.clone(),
        }
        return self._placed(found, poses) if poses else found

    def _placed(self, start: Parameters, poses: Sequence[Matrix | None]) -> Parameters:
        ahead = self._pivots(self.lenses(start), start["size"].exp()).double().numpy()
        chained: dict[int, Matrix] = {}
        for parent, view in ((None, self.root), *self._edges):
            above = np.eye(4) if parent is None else chained[parent]
            pose = poses[view]
            if pose is None:
                chained[view] = above
                continue
            chained[view] = np.array(pose, np.float64)
            chained[view][:3, 3] += pose[:3, :3] @ ahead[view]
            own = np.linalg.inv(above) @ chained[view]
            turn = Rotation.from_matrix(own[:3, :3]).as_quat()
            start["rotation"][view] = torch.from_numpy(turn).float()
            start["shift"][view] = torch.from_numpy(own[:3, 3]).float()
        return start

    def lenses(self, parameters: Parameters) -> Lenses:
        """Return focal lengths and principal points."""
        focal = parameters["focal"].exp().expand(len(self._diagonal))
        focal = torch.clamp(focal, _FOCAL[0] * self._diagonal, _FOCAL[1] * self._diagonal)
        return Lenses(focal, parameters["principal"] * self.problem.size)

    def unit_depths(self, parameters: Parameters, lenses: Lenses) -> Tensor:
        """Return the depth at each anchor in the unit of its view, n x A."""
        depth = parameters["depth"]
        if self._basis is not None:
            depth = (self._basis @ depth[..., None])[..., 0]
        if self.form.logarithm:
            depth = depth.exp()
        longer = (lenses.focal / self.problem.focal)[:, None]
        median = self.problem.median[:, None]
        return median * longer * depth if self.form.multiply else median * (longer + depth - 1)

    def rays(self, lenses: Lenses) -> Tensor:
        """Return the camera's point of each match end whose anchor has a depth of 1, n x 3 x E."""
        problem = self.problem
        rise = 1 + (problem.offset - 1) * (problem.focal / lenses.focal)[:, None]
        across = (problem.pixel - lenses.principal[..., None]) / lenses.focal[:, None, None]
        return torch.cat((across * rise[:, None], rise[:, None]), dim=1)

    def unit_points(self, parameters: Parameters, lenses: Lenses, rays: Tensor | None = None) -> Tensor:
        """Return the match ends in their cameras, in the unit of their views, n x 3 x E.

        Args:
            parameters: for the depths.
            lenses: of the same parameters.
            rays: of the same lenses, where they are at hand.
        """
        depth = self.unit_depths(parameters, lenses).gather(1, self.problem.anchor)
        return (self.rays(lenses) if rays is None else rays) * depth[:, None]

    def placement(self, parameters: Parameters, lenses: Lenses) -> Placement:
        """Return where the cameras are."""
        size = parameters["size"].exp()
        if self.poses is not None:
            return Placement(*self.poses, size)
        own, shift = rotations(parameters["rotation"]), parameters["shift"]
        turned, moved = own[self.root][None], shift[self.root][None]
        for parents, children in self._levels:
            above = turned[parents]
            moved = torch.cat((moved, (above @ shift[children][..., None])[..., 0] + moved[parents]))
            turned = torch.cat((turned, above @ own[children]))
        turned, moved = turned[self._place], moved[self._place]
        pivot = self._pivots(lenses, size)
        scale = 1 / size.min()
        return Placement(turned, scale * (moved - (turned @ pivot[..., None])[..., 0]), scale * size)

    def _pivots(self, lenses: Lenses, size: Tensor) -> Tensor:
        """From the cameras to the points that are chained, n x 3, in the cameras' axes."""
        problem = self.problem
        ahead = size * problem.median * lenses.focal / problem.focal
        across = (problem.size / 2 - lenses.principal) / lenses.focal[:, None]
        return torch.cat((across, torch.ones(len(across), 1)), dim=1) * ahead[:, None]

    def _depths(self) -> tuple[Tensor | None, Tensor]:
        problem, form = self.problem, self.form
        depth = problem.depths / problem.median[:, None]
        if form.rank:
            count, most = depth.shape
            basis, start = torch.zeros(count, most, form.rank), torch.zeros(count, form.rank)
            for view, blocks in enumerate(problem.blocks):
                matrix = torch.eye(3, dtype=torch.float64)
                matrix[0, 0] = matrix[1, 1] = problem.focal[view]
                matrix[:2, 2] = problem.principal[view]
                found = depth_basis(
                    depth[view, :blocks].numpy(),
                    problem.anchor_pixel[view, :blocks].numpy(),
                    matrix.numpy(),
                    min(form.rank, blocks),
                    form.gamma,
                    form.least,
                )
                rank = len(found.start)
                basis[view, :blocks, :rank] = torch.from_numpy(found.basis)
                start[view, :rank] = torch.from_numpy(found.start)
            return basis, start
        return None, depth.clamp(min=_LEAST_DEPTH).log() if form.logarithm else depth


def rotations(quaternion: Tensor) -> Tensor:
    """Return n x 3 x 3 of quaternions n x 4 (x, y, z, w) of any length but 0."""
    x, y, z, w = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    entries = (
        1 - 2 * (y * y + z * z),
        2 * (x * y - z * w),
        2 * (x * z + y * w),
        2 * (x * y + z * w),
        1 - 2 * (x * x + z * z),
        2 * (y * z - x * w),
        2 * (x * z - y * w),
        2 * (y * z + x * w),
        1 - 2 * (x * x + y * y),
    )
    return torch.stack(entries, dim=-1).reshape(-1, 3, 3)
