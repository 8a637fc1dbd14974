# SPDX-License-Identifier: Apache-2.0
"""One step after another on clips: the stage's parts, forward passes, loss, new weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from foundation_stereo_ros.nets.video import DeepVideoMVS, LeanVideo, VideoNetwork
from foundation_stereo_ros.train.distributed import Group
from foundation_stereo_ros.train.feed.clips import Clips
from foundation_stereo_ros.train.optimisation import Optimisation, Precision, learning_rate
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_loss import (
    PosedBatch,
    VideoLoss,
    lean_clip_loss,
    pair_loss,
    sequence_loss,
)
from foundation_stereo_ros.train.video_stages import Span, check_modules, freeze, to_training


class _Lesson(nn.Module):
    """A clip to its loss in one forward pass, as processes that train together need it."""

    def __init__(self, model: VideoNetwork, config: VideoTrainingConfig) -> None:
        super().__init__()
        self.model, self._config = model, config

    def forward(
        self, views: Sequence[PosedBatch], intrinsics: Tensor, warped_by: str, sides: tuple[bool, bool]
    ) -> VideoLoss:
        model = self.model
        if isinstance(model, LeanVideo):
            return lean_clip_loss(model, views, intrinsics, self._config)
        if not isinstance(model, DeepVideoMVS):
            raise NotImplementedError(type(model).__name__)
        if model.config.recurrent:
            return sequence_loss(model, views, intrinsics, warped_by)
        first, second = views
        return pair_loss(model, (first, second), intrinsics, sides)


class VideoDescent(Optimisation[VideoNetwork]):
    """Trains a network batch by batch, in each stage what that stage trains.

    Args:
        config: of the run.
        model: on its device.
        precision: of the forward pass.
        group: who trains it together.

    Raises:
        ConfigError: a stage names a part that the network does not have.
    """

    def __init__(
        self, config: VideoTrainingConfig, model: VideoNetwork, precision: Precision, group: Group
    ) -> None:
        super().__init__(config, model, precision)
        self._config, self._group, self._spans = config, group, config.spans()
        check_modules(config.stages, model)
        self._span: Span | None = None
        self._lesson = _Lesson(model, config)
        self._forward: Any = None

    def rate(self, step: int, share: float) -> float:
        """Return the learning rate of a step: it follows the stage, if there are any."""
        span = self._at(step)
        if span is None:
            return super().rate(step, share)
        c, stage = self._config, span.stage
        highest = stage.learning_rate or c.learning_rate
        return learning_rate(_Rate(highest, stage), (step - span.begin) / (span.end - span.begin))

    def step(self, batch: Clips, number: int, seed: int, rate: float) -> VideoLoss:
        """Do a step.

        Args:
            batch: on any device.
            number: of the step, from 0.
            seed: of what is mirrored.
            rate: learning rate.
        """
        stage = self._enter(number)
        device = next(self._model.parameters()).device
        chance = torch.rand(2, generator=torch.Generator().manual_seed(seed))
        first, second = (chance < self._config.flip).tolist()
        warped_by = stage.stage.warped_by if stage else "truth"
        with self._precision.autocast():
            found: VideoLoss = self._forward(
                batch.views(device), batch.intrinsics.to(device), warped_by, (first, second)
            )
        self.descend(found.loss, number, rate)
        return found

    def _at(self, step: int) -> Span | None:
        """Return the stage of a step; the last one's where the run is longer than planned."""
        return next((span for span in reversed(self._spans) if span.begin <= step), None)

    def _enter(self, step: int) -> Span | None:
        """Freeze and thaw what the stage of a step wants; each stage has an optimiser of its own."""
        span = self._at(step)
        if span is not None and span is not self._span:
            freeze(self._model, span.stage)
        if span is not None and step == span.begin:
            self.optimizer.state.clear()
        if self._forward is None or span is not self._span:
            self._forward = None  # its hooks would be in the way of the next one's
            self._forward = self._group.wrap(self._lesson, every_weight=False)
        self._span = span
        if span is None:
            self._model.train()
        else:
            to_training(self._model, span.stage)
        return span


class _Rate:
    """A stage's learning rate, as `learning_rate` asks for it."""

    def __init__(self, highest: float, stage: Any) -> None:
        self.learning_rate, self.warmup, self.schedule = highest, stage.warmup, stage.schedule
