# SPDX-License-Identifier: Apache-2.0
"""How far views are from agreeing: in space for the coarse stage, in the image for the fine one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foundation_stereo_ros.estimate.views.alignment.cameras import CameraModel, Lenses, Parameters, Placement
from foundation_stereo_ros.estimate.views.alignment.problem import Fallback

_NEAREST = 1e-3  # depth below which a point is projected as if it were there
_IMAGE = (-1000.0, 2000.0)  # projections are kept in this range, pixels
_TINY = 1e-12  # a length of 0 has no direction
_FALLBACK_WEIGHT = 0.01
_FALLBACK_GAMMA = 1.1


def robust(distance: Tensor, gamma: float) -> Tensor:
    """Return (d + c)^gamma - c^gamma, with c so that the slope at 0 is 1. Below a gamma of 1, outliers count
    less than their distance."""
    c = _offset(gamma)
    return cast(Tensor, (distance + c) ** gamma - c**gamma)


def _offset(gamma: float) -> float:
    return float((1 / gamma) ** (1 / (gamma - 1)))


def project(points: Tensor, lenses: Lenses) -> Tensor:
    """Return pixels n x 2 x E of points n x 3 x E in the cameras."""
    flat = points[:, :2] / points[:, 2:].clamp(min=_NEAREST)
    pixel = flat * lenses.focal[:, None, None] + lenses.principal[..., None]
    return torch.clamp(pixel, min=_IMAGE[0], max=_IMAGE[1])


def to_world(local: Tensor, where: Placement) -> Tensor:
    """Return points n x 3 x E of cameras, in the unit of their views, in the world."""
    return torch.baddbmm(where.centre[..., None], where.rotation * where.size[:, None, None], local)


def residuals(model: CameraModel, parameters: Parameters) -> Tensor:
    """Return how far each match end is from where its counterpart is seen, n x E pixels."""
    with torch.no_grad():
        lenses = model.lenses(parameters)
        where = model.placement(parameters, lenses)
        world = to_world(model.unit_points(parameters, lenses), where)
        other = _counterparts(world, model.problem.partner)
        found: Tensor = torch.linalg.vector_norm(_missed(model, other, where, lenses), dim=1)
        return found


def _missed(model: CameraModel, points: Tensor, where: Placement, lenses: Lenses) -> Tensor:
    turn = where.rotation.transpose(1, 2)
    seen = torch.baddbmm(-turn @ where.centre[..., None], turn, points)
    return model.problem.pixel - project(seen, lenses)


def _counterparts(values: Tensor, partner: Tensor) -> Tensor:
    return values.reshape(-1).index_select(0, partner).view_as(values)


class _Swap(torch.autograd.Function):
    """Each match end gets its counterpart's value; so does its gradient, without a sum over indices."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, partner: Tensor) -> Tensor:
        ctx.save_for_backward(partner)
        return _counterparts(values, partner)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (partner,) = ctx.saved_tensors
        return _counterparts(gradient, partner), None


class _Cost(torch.autograd.Function):
    """Sum of weight * robust(length) over differences n x k x E; its gradient costs no second pass."""

    @staticmethod
    def forward(ctx: Any, difference: Tensor, weight: Tensor, gamma: float) -> Tensor:
        length = (difference * difference).sum(dim=1).sqrt_()
        slope = weight * gamma * (length + _offset(gamma)) ** (gamma - 1) / length.clamp(min=_TINY)
        ctx.save_for_backward(difference, slope)
        return (weight * robust(length, gamma)).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        difference, slope = ctx.saved_tensors
        return difference * (gradient * slope)[:, None], None, None


_swap: Callable[[Tensor, Tensor], Tensor] = _Swap.apply
_cost: Callable[[Tensor, Tensor, float], Tensor] = _Cost.apply


class Agreement:
    """The loss of one stage.

    Args:
        model: cameras and points.
        gamma: of `robust`.
        fine: in pixels, instead of the unit of the scene.
        fixed: parameters whose intrinsics, and so the rays of the match ends, stay as they are in this stage;
            None: they do not.
        depths_move: whether the depths are not fixed with them.
    """

    def __init__(
        self,
        model: CameraModel,
        gamma: float,
        fine: bool,
        fixed: Parameters | None = None,
        depths_move: bool = False,
    ) -> None:
        self._model, self._gamma, self._fine = model, gamma, fine
        problem = model.problem
        total = problem.weight.sum()
        self._weight = problem.weight / total if total > 0 else None
        self._lenses = self._rays = self._points = None
        if fixed is not None:
            with torch.no_grad():
                self._lenses = model.lenses(fixed)
                self._rays = model.rays(self._lenses)
                self._points = None if depths_move else model.unit_points(fixed, self._lenses, self._rays)

    def __call__(self, parameters: Parameters) -> Tensor:
        """Return the loss, a number."""
        model = self._model
        lenses = model.lenses(parameters) if self._lenses is None else self._lenses
        local = self._points
        if local is None:
            local = model.unit_points(parameters, lenses, self._rays)
        where = model.placement(parameters, lenses)
        world = to_world(local, where)
        loss = torch.zeros(())
        if self._weight is not None:
            other = _swap(world, model.problem.partner)
            apart = _missed(model, other, where, lenses) if self._fine else world - other
            loss = _cost(apart, self._weight, self._gamma)
        if model.problem.fallback is not None:
            loss = loss + _FALLBACK_WEIGHT * self._weak(model.problem.fallback, world, where)
        return loss

    def _weak(self, fallback: Fallback, world: Tensor, where: Placement) -> Tensor:
        told = (where.rotation[fallback.view] @ fallback.points[..., None])[..., 0]
        points = world.transpose(1, 2).flatten(0, 1)[fallback.end]
        apart = points - (told + where.centre[fallback.view])
        weight = fallback.weight / fallback.weight.sum()
        return _cost(apart.T[None], weight[None], _FALLBACK_GAMMA)
