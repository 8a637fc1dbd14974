# SPDX-License-Identifier: Apache-2.0
"""How far views are from agreeing: in space for the coarse stage, in the image for the fine one."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foundation_stereo_ros.estimate.views.cameras import CameraModel, Lenses, Parameters, Placement

_NEAREST = 1e-3  # depth below which a point is projected as if it were there
_IMAGE = (-1000.0, 2000.0)  # projections are kept in this range, pixels
_FALLBACK_WEIGHT = 0.01
_FALLBACK_GAMMA = 1.1


def robust(distance: Tensor, gamma: float) -> Tensor:
    """Return (d + c)^gamma - c^gamma, with c so that the slope at 0 is 1. Below a gamma of 1, outliers count
    less than their distance."""
    c = (1 / gamma) ** (1 / (gamma - 1))
    return (distance + c) ** gamma - c**gamma


def project(points: Tensor, lenses: Lenses) -> Tensor:
    """Return pixels n x E x 2 of points n x E x 3 in the cameras."""
    flat = points[..., :2] / points[..., 2:].clamp(min=_NEAREST)
    pixel = flat * lenses.focal[:, None, None] + lenses.principal[:, None]
    return pixel.clamp(*_IMAGE)


class _Swap(torch.autograd.Function):
    """Each match end gets its counterpart's value; so does its gradient, without a sum over indices."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, partner: Tensor) -> Tensor:
        ctx.save_for_backward(partner)
        return values.flatten(0, 1)[partner].view_as(values)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (partner,) = ctx.saved_tensors
        return gradient.flatten(0, 1)[partner].view_as(gradient), None


class Agreement:
    """The loss of one stage.

    Args:
        model: cameras and points.
        gamma: of `robust`.
        fine: in pixels, instead of the unit of the scene.
        fixed: parameters whose rays and depths stay as they are in this stage; None: they do not.
    """

    def __init__(self, model: CameraModel, gamma: float, fine: bool, fixed: Parameters | None = None) -> None:
        self._model, self._gamma, self._fine = model, gamma, fine
        problem = model.problem
        total = problem.weight.sum()
        self._weight = problem.weight / total if total > 0 else None
        self._lenses = self._points = None
        if fixed is not None:
            with torch.no_grad():
                self._lenses = model.lenses(fixed)
                self._points = model.unit_points(fixed, self._lenses)

    def __call__(self, parameters: Parameters) -> Tensor:
        """Return the loss, a number."""
        model = self._model
        lenses = model.lenses(parameters) if self._lenses is None else self._lenses
        local = model.unit_points(parameters, lenses) if self._points is None else self._points
        where = model.placement(parameters, lenses)
        world = to_world(local, where)
        loss = torch.zeros(())
        if self._weight is not None:
            distance = self._pixels(world, where, lenses) if self._fine else self._metres(world)
            loss = (self._weight * robust(distance, self._gamma)).sum()
        if model.problem.fallback is not None:
            loss = loss + _FALLBACK_WEIGHT * self._weak(world, where)
        return loss

    def _metres(self, world: Tensor) -> Tensor:
        return _length(world - self._counterparts(world))

    def _pixels(self, world: Tensor, where: Placement, lenses: Lenses) -> Tensor:
        seen = (self._counterparts(world) - where.centre[:, None]) @ where.rotation
        return _length(self._model.problem.pixel - project(seen, lenses))

    def _counterparts(self, world: Tensor) -> Tensor:
        return cast(Tensor, _Swap.apply(world, self._model.problem.partner))

    def _weak(self, world: Tensor, where: Placement) -> Tensor:
        fallback = self._model.problem.fallback
        if fallback is None:
            return torch.zeros(())
        told = (where.rotation[fallback.view] @ fallback.points[..., None])[..., 0]
        apart = world.flatten(0, 1)[fallback.end] - (told + where.centre[fallback.view])
        cost = robust(_length(apart), _FALLBACK_GAMMA)
        return (fallback.weight * cost).sum() / fallback.weight.sum()


def to_world(local: Tensor, where: Placement) -> Tensor:
    """Return points n x E x 3 of cameras, in the unit of their views, in the world."""
    turn = where.rotation * where.size[:, None, None]
    return torch.baddbmm(where.centre[:, None], local, turn.transpose(1, 2))


def _length(difference: Tensor) -> Tensor:
    return torch.linalg.vector_norm(difference, dim=-1)
