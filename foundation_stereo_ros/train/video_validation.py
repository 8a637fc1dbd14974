# SPDX-License-Identifier: Apache-2.0
"""What is told of a run on clips, and how wrong its network is on clips that it is not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from foundation_stereo_ros.nets.video import VideoNetwork
from foundation_stereo_ros.scenes.moving.worlds import MovingScenes
from foundation_stereo_ros.scenes.seeds import VALIDATION
from foundation_stereo_ros.train.feed.clips import Clips, stacked
from foundation_stereo_ros.train.video_config import FIGURES, VideoTrainingConfig
from foundation_stereo_ros.train.video_loss import VideoLoss, depth_errors, moves_between, relative_motion

_VIEWS = 3  # of a held-back clip; the last one is measured


class VideoSubject:
    """See `Subject`.

    Args:
        config: of the run.
        device: where to measure.
    """

    wanted = True

    def __init__(self, config: VideoTrainingConfig, device: torch.device) -> None:
        self._config, self._device = config, device

    def figures(self, batch: Clips, done: VideoLoss) -> Mapping[str, float]:
        """Return the relative error of the first prediction of a step's own batch."""
        errors = done.errors[0]
        return {"abs_rel": float(errors.relative / errors.pixels.clamp(min=1))}

    def headline(self, figures: Mapping[str, float]) -> str:
        """Return what stands beside the bar."""
        return f"abs-rel {figures['abs_rel']:.3f}"

    def shown(self, batch: Clips, done: VideoLoss) -> None:
        """Show nothing."""

    @torch.inference_mode()
    def validate(self, averaged: VideoNetwork, show: Any = None) -> dict[str, float]:
        """Return the weights' errors on held-back clips: absolute (m), relative, inverse (1/m)."""
        scenes, c = MovingScenes(self._config.scenes), self._config
        sums = torch.zeros(4, dtype=torch.float64)
        for number in range(c.validation_clips):
            clips = stacked([scenes.clip(VALIDATION + number, _VIEWS, c.height, c.width)])
            errors = self._errors(averaged, clips)
            sums += torch.tensor([float(x) for x in errors], dtype=torch.float64)
        return {name: float(value / sums[3]) for name, value in zip(FIGURES, sums[:3], strict=True)}

    def _errors(self, model: VideoNetwork, clips: Clips) -> tuple[Any, ...]:
        """Return the sums of a clip's last frame, after those before it, and the number of its pixels."""
        views, intrinsics = clips.views(self._device), clips.intrinsics.to(self._device)
        memory: Any = None
        frames = [model.encode(view.image) for view in views]
        for index in range(1, len(views)):
            own = views[index]
            others = [
                (model.kept(frame), relative_motion(own.pose, view.pose, intrinsics))
                for frame, view in zip(frames[:index], views[:index], strict=True)
            ]
            moves = moves_between(views[index - 1].pose, own.pose, intrinsics)
            previous = (memory, moves) if memory is not None else None
            output = model.predict(own.image, frames[index], others, intrinsics, previous)
            memory = output.memory
        found = depth_errors(output.depths[0], views[-1].depth)
        return found.absolute, found.relative, found.inverse, found.pixels
