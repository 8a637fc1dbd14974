# SPDX-License-Identifier: Apache-2.0
"""Moves parameters downhill, with Adam and a rate that falls as a cosine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from foundation_stereo_ros.estimate.views.alignment.cameras import Parameters

_BETAS = (0.9, 0.9)

Progress = Callable[[str, int, int, float], None]
"""Called before each step with the stage's name, the step, how many there are, and the loss."""


class Stage(NamedTuple):
    """One descent.

    Attributes:
        name: "coarse" or "fine".
        iterations: how many steps.
        rate: at the start.
        trained: names of the parameters that move.
        repeat: parameters that take more than one step an iteration -> how many.
    """

    name: str
    iterations: int
    rate: float
    trained: tuple[str, ...]
    repeat: dict[str, int]


class Descent(NamedTuple):
    """How one went.

    Attributes:
        result: the parameters whose loss was computed last.
        after: those after the last step, from where another stage goes on.
        losses: before each step.
        finished: false where it was told to stop, or the loss was no number.
    """

    result: Parameters
    after: Parameters
    losses: list[float]
    finished: bool


def descend(
    start: Parameters,
    loss: Callable[[Parameters], Tensor],
    stage: Stage,
    held: dict[str, Tensor],
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Descent:
    """Move some of the parameters.

    Args:
        start: is not changed.
        loss: of parameters.
        stage: what is moved, and how.
        held: name of a parameter -> factor of its gradient: 0 for rows that stay.
        progress: is told each loss.
        stop: true: stop here.
    """
    now = {name: value.clone() for name, value in start.items()}
    moved = {name: now[name].requires_grad_() for name in stage.trained}
    repeated = {name: times for name, times in stage.repeat.items() if name in moved and times > 1}
    once = [value for name, value in moved.items() if name not in repeated]
    optimizers = [(torch.optim.Adam([moved[name]], betas=_BETAS), times) for name, times in repeated.items()]
    if once:
        optimizers.append((torch.optim.Adam(once, betas=_BETAS), 1))
    result, losses, finished = _copy(now), [], True
    for step in range(stage.iterations):
        if stop is not None and stop():
            finished = False
            break
        for value in moved.values():
            value.grad = None
        found = loss(now)
        number = float(found.detach())
        if not math.isfinite(number):
            finished = False
            break
        losses.append(number)
        if progress is not None:
            progress(stage.name, step, stage.iterations, number)
        result = _copy(now)
        found.backward()
        with torch.no_grad():
            for name, factor in held.items():
                gradient = moved[name].grad if name in moved else None
                if gradient is not None:
                    gradient *= factor
        rate = 0.5 * stage.rate * (1 + math.cos(math.pi * step / stage.iterations))
        for optimizer, times in optimizers:
            optimizer.param_groups[0]["lr"] = rate
            for _ in range(times):
                optimizer.step()
        if "rotation" in moved:
            with torch.no_grad():
                moved["rotation"] /= moved["rotation"].norm(dim=1, keepdim=True)
    return Descent(result, _copy(now) if finished else result, losses, finished)


def _copy(parameters: Parameters) -> Parameters:
    return {name: value.detach().clone() for name, value in parameters.items()}
