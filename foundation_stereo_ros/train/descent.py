# SPDX-License-Identifier: Apache-2.0
"""One step after another: forward pass, loss, gradients, AdamW, average."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from foundation_stereo_ros.nets.stereo import LeanOutput, StereoNetwork, TrainingOutput
from foundation_stereo_ros.scenes.raycast.generator import StereoBatch
from foundation_stereo_ros.train.averaging import Average
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.distributed import Group
from foundation_stereo_ros.train.feed.augmentation import augment
from foundation_stereo_ros.train.foundation_loss import stereo_loss
from foundation_stereo_ros.train.lean_loss import lean_loss
from foundation_stereo_ros.train.precision import Precision

_MOST_ITERATIONS = 22
"""In training, unless said otherwise; the paper's number."""


class Stepped(NamedTuple):
    """What a step saw and found.

    Attributes:
        loss: of the batch, without dimensions.
        left, right: B x 3 x H x W after the augmentation.
        output: of the network.
    """

    loss: Tensor
    left: Tensor
    right: Tensor
    output: TrainingOutput | LeanOutput


class Descent:
    """Trains a network batch by batch.

    Args:
        config: of the run.
        model: on its device; its monocular branch stays as it is.
        precision: of the forward pass.
        group: who trains it together.

    Attributes:
        optimizer: AdamW over all weights but the frozen ones.
        average: of the weights.
        scaler: of the loss; `begin` makes it.
    """

    def __init__(
        self, config: TrainingConfig, model: StereoNetwork, precision: Precision, group: Group
    ) -> None:
        self._config, self._model, self._precision = config, model, precision
        self._iterations = config.iterations or min(model.config.iterations, _MOST_ITERATIONS)
        self._trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        fused = self._trained[0].is_cuda or None
        self.optimizer = torch.optim.AdamW(
            self._trained, lr=config.learning_rate, weight_decay=config.weight_decay, fused=fused
        )
        self.average = Average(model, config.ema)
        self.scaler = precision.scaler(1.0)
        shared = group.wrap(model)
        self._forward: Any = torch.compile(shared) if config.compile else shared

    def begin(self, loss_scale: float) -> None:
        """Set the scale of the loss, as the run before left it."""
        self.scaler = self._precision.scaler(loss_scale)

    def step(self, batch: StereoBatch, number: int, seed: int, rate: float) -> Stepped:
        """Do a step.

        Args:
            batch: on the model's device.
            number: of the step, from 0.
            seed: of the augmentation.
            rate: learning rate.
        """
        c = self._config
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(seed)
        left, right = augment(batch.left, batch.right, c.augmentation, seed)
        self._to_training()
        with self._precision.autocast():
            output = self._forward(left, right, iterations=self._iterations, every_iteration=True)
        limit = float(self._model.config.max_disp)
        if isinstance(output, LeanOutput):
            loss = lean_loss(output, batch.disparity, batch.valid, limit, c)
        else:
            loss = stereo_loss(output, batch.disparity, batch.valid, limit, c)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self._descend()
        self.average.update(number)
        return Stepped(loss.detach(), left, right, output)

    def _descend(self) -> None:
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self._trained, self._config.clip)
        if self.scaler.is_enabled() or bool(norm.isfinite()):
            self.scaler.step(self.optimizer)
        self.scaler.update()

    def _to_training(self) -> None:
        self._model.train()
        if self._config.norms == "frozen":
            for module in self._model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
