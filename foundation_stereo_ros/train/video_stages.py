# SPDX-License-Identifier: Apache-2.0
"""The stages of a run for posed video: which parts of the network are trained when, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from foundation_stereo_ros.errors import ConfigError, check_fields

SCHEDULES = ("flat", "cosine", "step", "constant")
WARPED_BY = ("truth", "prediction")
FROZEN_NORMS = ("still", "batch")


@dataclass(frozen=True)
class Stage:
    """A part of a run. Each begins with a fresh optimiser.

    Attributes:
        steps: its length, 1 or more; 0, of the last one: to the end of the run.
        train: names of the network's modules that are trained, such as ``decoder``; none: all. The others
            keep their weights.
        frozen_norms: batch norms of the others normalise with what they have learned, and nothing of them
            moves (``still``); or, as published, with the statistics of the batch, and the running statistics
            drift (``batch``).
        learning_rate: highest one; 0: that of the run.
        schedule: how it falls in the course of the stage: ``flat`` (over the last fifth alone), ``cosine``,
            ``step`` or ``constant``.
        warmup: share of the stage, 0 to below 1, in which the rate rises.
        warped_by: of fusionnet: the hidden state comes into a view by the true depth of that view
            (``truth``), or by the depth predicted last (``prediction``), as in use.

    Raises:
        ConfigError: a value is out of its range.
    """

    steps: int = 0
    train: Sequence[str] = ()
    frozen_norms: str = "still"
    learning_rate: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.0
    warped_by: str = "truth"

    def __post_init__(self) -> None:
        names = isinstance(self.train, list | tuple) and all(isinstance(name, str) for name in self.train)
        checks = [
            ("steps", isinstance(self.steps, int) and self.steps >= 0, "a number of steps, 0 or more"),
            ("train", names, "a list of modules' names"),
            ("frozen_norms", self.frozen_norms in FROZEN_NORMS, f"one of {', '.join(FROZEN_NORMS)}"),
            ("learning_rate", self.learning_rate >= 0, "0 or more"),
            ("schedule", self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            ("warmup", 0 <= self.warmup < 1, "0 or more, below 1"),
            ("warped_by", self.warped_by in WARPED_BY, f"one of {', '.join(WARPED_BY)}"),
        ]
        check_fields("stage", self, checks)


class Span(NamedTuple):
    """Where a stage lies.

    Attributes:
        stage: its settings.
        begin: its first step, from 0.
        end: the step after its last one.
    """

    stage: Stage
    begin: int
    end: int


def spans(stages: Sequence[Stage], steps: int) -> list[Span]:
    """Return where the stages of a run lie; the last one goes on to its end.

    Raises:
        ConfigError: a stage but the last has no length, or they are longer than the run.
    """
    found, begin = [], 0
    for number, stage in enumerate(stages, start=1):
        last = number == len(stages)
        if not (stage.steps or last):
            raise ConfigError(f"steps of stage {number} is 0; expected 1 or more in each but the last")
        end = steps if last else begin + stage.steps
        if begin + max(stage.steps, 1) > steps:
            raise ConfigError(
                f"stages take {begin + max(stage.steps, 1)} steps; expected at most {steps}, the run's steps"
            )
        found.append(Span(stage, begin, end))
        begin = end
    return found


def check_modules(stages: Sequence[Stage], model: nn.Module) -> None:
    """Refuse names of modules that a network does not have.

    Raises:
        ConfigError: there is one.
    """
    known = [name for name, module in model.named_children() if any(True for _ in module.parameters())]
    for name in (name for stage in stages for name in stage.train):
        if name not in known:
            raise ConfigError(f"stage train has {name!r}; expected some of {', '.join(known)}")


def freeze(model: nn.Module, stage: Stage) -> None:
    """Let gradients go to the weights that a stage trains, and to no others."""
    for name, module in model.named_children():
        module.requires_grad_(not stage.train or name in stage.train)


def to_training(model: nn.Module, stage: Stage) -> None:
    """Put a network into training mode, but for what a stage keeps still."""
    model.train()
    if stage.train and stage.frozen_norms == "still":
        for name, module in model.named_children():
            module.train(name in stage.train)
