# SPDX-License-Identifier: Apache-2.0
"""One step after another on stereo pairs: augmentation, forward pass in some precision, loss, new weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from foundation_stereo_ros.nets.stereo import LeanOutput, StereoNetwork, TrainingOutput
from foundation_stereo_ros.scenes.raycast.generator import StereoBatch
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.distributed import Group
from foundation_stereo_ros.train.feed.augmentation import augment
from foundation_stereo_ros.train.foundation_loss import stereo_loss
from foundation_stereo_ros.train.lean_loss import lean_loss, truth_of_pair
from foundation_stereo_ros.train.optimisation import Optimisation, Precision

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


class Descent(Optimisation[StereoNetwork]):
    """Trains a stereo network batch by batch.

    Args:
        config: of the run.
        model: on its device; its monocular branch stays as it is.
        precision: of the forward pass.
        group: who trains it together.
    """

    def __init__(
        self, config: TrainingConfig, model: StereoNetwork, precision: Precision, group: Group
    ) -> None:
        super().__init__(config, model, precision)
        self._config = config
        self._iterations = config.iterations or min(model.config.iterations, _MOST_ITERATIONS)
        shared = group.wrap(model)
        self._forward: Any = torch.compile(shared) if config.compile else shared

    def step(self, batch: StereoBatch, number: int, seed: int, rate: float) -> Stepped:
        """Do a step.

        Args:
            batch: on the model's device.
            number: of the step, from 0.
            seed: of the augmentation.
            rate: learning rate.
        """
        c = self._config
        torch.manual_seed(seed)
        left, right = augment(batch.left, batch.right, c.augmentation, seed)
        self._to_training()
        with self._precision.autocast():
            output = self._forward(left, right, iterations=self._iterations, every_iteration=True)
        limit = float(self._model.config.max_disp)
        if isinstance(output, LeanOutput):
            loss = lean_loss(output, truth_of_pair(batch.disparity, batch.valid, limit, c), c)
        else:
            loss = stereo_loss(output, batch.disparity, batch.valid, limit, c)
        self.descend(loss, number, rate)
        return Stepped(loss.detach(), left, right, output)

    def _to_training(self) -> None:
        self._model.train()
        if self._config.norms == "frozen":
            for module in self._model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
