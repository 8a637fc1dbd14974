# SPDX-License-Identifier: Apache-2.0
"""From a loss to new weights: arithmetic, gradients, AdamW, the learning rate, the average of the weights."""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from foundation_stereo_ros.errors import ConfigError

FIRST_SCALE = 2.0**14
"""Of the loss in fp16, whose gradients would vanish otherwise."""

_WRONG_HEIGHTS = (32, 64)

_FALL = 0.2  # share of a flat schedule in which its rate falls
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}

Network = TypeVar("Network", bound=nn.Module)


class Schedule(Protocol):
    """What a run, or a stage of one, says of its learning rate; see `TrainingConfig`."""

    @property
    def learning_rate(self) -> float:
        """The highest one."""

    @property
    def warmup(self) -> float:
        """Share of the run in which it rises."""

    @property
    def schedule(self) -> str:
        """How it falls: ``cosine``, ``step``, ``flat`` or ``constant``."""


class OptimizerSettings(Schedule, Protocol):
    """What a run says of its optimiser; see `TrainingConfig`."""

    @property
    def weight_decay(self) -> float:
        """Of AdamW."""

    @property
    def clip(self) -> float:
        """Greatest norm of the gradients; 0: any."""

    @property
    def ema(self) -> float:
        """Decay of the averaged weights."""


class Precision:
    """The precision of the forward pass on a device; weights, losses and disparities stay in fp32.

    Args:
        wanted: as in `TrainingConfig`; ``auto``: bf16 on CUDA, otherwise fp32.
        device: where.

    Raises:
        ConfigError: fp16 on a CPU.
    """

    def __init__(self, wanted: str, device: torch.device) -> None:
        automatic = "bf16" if device.type == "cuda" else "fp32"
        self.name = automatic if wanted == "auto" else wanted
        self._device = device.type
        if self.name == "fp16" and device.type != "cuda":
            raise ConfigError(f"training precision is 'fp16' on {device.type}; expected fp32 or bf16 there")

    def check_height(self, height: int) -> None:
        """Refuse pictures of so many rows where torch has wrong gradients for them.

        In bf16 on a CPU those of 3-D convolutions over volumes of two rows are what happens to be in memory
        (torch 2.13); they come up at 1/16 and 1/32 of the pictures' height.

        Raises:
            ConfigError: the height is one of those.
        """
        if self._device == "cpu" and self.name == "bf16" and height in _WRONG_HEIGHTS:
            raise ConfigError(f"training height is {height} in bf16 on cpu; expected 96 or more there")

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context for a forward pass."""
        kind = _TYPES.get(self.name)
        return torch.autocast(self._device, dtype=kind) if kind is not None else nullcontext()

    def scaler(self, scale: float) -> torch.amp.GradScaler:
        """Return what scales the loss, if it is needed; a run that was not in fp16 before begins anew.

        On CUDA it also skips steps with non-finite gradients without the device being waited for.
        """
        half, enabled = self.name == "fp16", self._device == "cuda"
        begin = scale if half and scale > 1 else FIRST_SCALE if half else 1.0
        # in other arithmetics it only skips: the scale stays what it is
        up, down = (2.0, 0.5) if half else (1.0 + 1e-9, 1.0 - 1e-9)
        return torch.amp.GradScaler(
            self._device, init_scale=begin, growth_factor=up, backoff_factor=down, enabled=enabled
        )


class Average(Generic[Network]):
    """A moving average of a network's weights and statistics.

    Args:
        model: its frozen monocular branch is shared with the average, not copied.
        decay: of the average in a step, once it is old.

    Attributes:
        model: the averaged network, in evaluation mode.
    """

    def __init__(self, model: Network, decay: float) -> None:
        frozen = getattr(getattr(model, "features", None), "monocular", None)
        self.model = copy.deepcopy(model, {} if frozen is None else {id(frozen): frozen})
        self.model.eval().requires_grad_(False)
        self._decay = decay
        sources = dict(model.named_parameters()) | dict(model.named_buffers())
        targets = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        own = [(targets[name], sources[name]) for name in targets if targets[name] is not sources[name]]
        self._floating = [pair for pair in own if pair[0].is_floating_point()]
        self._counts = [pair for pair in own if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step (counted from 0)."""
        # young averages forget their random start faster
        decay = min(self._decay, (1 + step) / (10 + step))
        # statistics of small batches are noisy, so they are averaged like weights
        targets: list[Tensor] = [target for target, _ in self._floating]
        torch._foreach_lerp_(targets, [source for _, source in self._floating], 1.0 - decay)
        for target, source in self._counts:
            target.copy_(source)


class Optimisation(Generic[Network]):
    """Makes the steps of a run: gradients of a loss, AdamW, and the average.

    Args:
        config: of the run.
        model: on its device; what needs no gradients stays as it is.
        precision: of the forward pass.

    Attributes:
        optimizer: AdamW over all weights that need gradients.
        average: of the weights.
        scaler: of the loss; `begin` makes it.
    """

    def __init__(self, config: OptimizerSettings, model: Network, precision: Precision) -> None:
        self._settings, self._model, self._precision = config, model, precision
        self._trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        fused = self._trained[0].is_cuda or None
        self.optimizer = torch.optim.AdamW(
            self._trained, lr=config.learning_rate, weight_decay=config.weight_decay, fused=fused
        )
        self.average = Average(model, config.ema)
        self.scaler = precision.scaler(1.0)

    def begin(self, loss_scale: float) -> None:
        """Set the scale of the loss, as the run before left it."""
        self.scaler = self._precision.scaler(loss_scale)

    def rate(self, step: int, share: float) -> float:
        """Return the learning rate of a step, counted from 0, after a share of the run, 0 to 1."""
        return learning_rate(self._settings, share)

    def descend(self, loss: Tensor, number: int, rate: float) -> None:
        """Change the weights and their average; gradients that are not finite change no weights.

        Args:
            loss: of the step.
            number: of the step, from 0.
            rate: learning rate.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self._trained, self._settings.clip or math.inf)
        if self.scaler.is_enabled() or bool(norm.isfinite()):
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self.average.update(number)


def learning_rate(config: Schedule, progress: float) -> float:
    """Return AdamW's learning rate after a share of the run, 0 to 1."""
    if progress < config.warmup:
        return config.learning_rate * max(progress / config.warmup, 1e-3)
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "step":
        return config.learning_rate * (0.1 if progress >= 0.8 else 1.0)
    begin = 1.0 - _FALL if config.schedule == "flat" else config.warmup
    done = min(max(progress - begin, 0.0) / (1.0 - begin), 1.0)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))
