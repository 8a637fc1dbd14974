# SPDX-License-Identifier: Apache-2.0
"""A training run for posed video on clips; it can be stopped and continued at any step."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from foundation_stereo_ros.nets.video import DeepVideoMVS, LeanVideo, VideoNetwork
from foundation_stereo_ros.nets.video.kinds import video_kind_of
from foundation_stereo_ros.scenes.moving.worlds import MovingClip, MovingScenes
from foundation_stereo_ros.train.descent import Average, Precision, learning_rate
from foundation_stereo_ros.train.feed.ahead import Endless, ahead, end
from foundation_stereo_ros.train.feed.posed_clips import PosedClips
from foundation_stereo_ros.train.run_files import (
    LOG_NAME,
    STATE_NAME,
    WEIGHTS_NAME,
    Progress,
    RunState,
    load_state,
    save_state,
)
from foundation_stereo_ros.train.stop_request import StopRequest
from foundation_stereo_ros.train.trainer import Outcome
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_loss import (
    PosedBatch,
    VideoLoss,
    depth_errors,
    lean_clip_loss,
    moves_between,
    pair_loss,
    relative_motion,
    sequence_loss,
)
from foundation_stereo_ros.train.video_start import video_start
from foundation_stereo_ros.weights import save_checkpoint

_HELD_BACK = 1 << 40
"""Seeds from here on are for validation alone."""


class Clips(NamedTuple):
    """A batch of clips.

    Attributes:
        images: views x B x H x W x 3 bytes.
        depths: views x B x H x W, metres.
        poses: views x B x 4 x 4, double precision.
        intrinsics: B x 3 x 3.
    """

    images: Tensor
    depths: Tensor
    poses: Tensor
    intrinsics: Tensor

    def views(self, device: torch.device) -> list[PosedBatch]:
        """Return the views on a device."""
        images = self.images.to(device).permute(0, 1, 4, 2, 3).float()
        depths, poses = self.depths.to(device), self.poses.to(device)
        return [PosedBatch(*parts) for parts in zip(images, depths, poses, strict=True)]


def stacked(clips: Sequence[MovingClip]) -> Clips:
    """Join clips of the same size."""

    def joined(name: str, kind: type) -> Tensor:
        arrays = [np.stack(getattr(clip, name)) for clip in clips]
        return torch.from_numpy(np.stack(arrays, axis=1).astype(kind))

    k = np.stack([clip.camera.matrix for clip in clips]).astype(np.float32)
    return Clips(
        joined("images", np.uint8),
        joined("depths", np.float32),
        joined("poses", np.float64),
        torch.from_numpy(k),
    )


class ClipSteps(Endless[Clips]):
    """The clips of each step, from a first one on; they depend on the run's seed and the step alone."""

    def __init__(self, config: VideoTrainingConfig, first: int) -> None:
        self._config, self._first = config, first
        self._scenes = MovingScenes(config.scenes)
        self._folders = PosedClips(config.folders, config.scenes) if config.folder_share else None

    def __getitem__(self, index: int) -> Clips:
        c, step = self._config, self._first + index
        seeds = [(c.seed << 32) + step * c.batch + number for number in range(c.batch)]
        return stacked([self._source(seed).clip(seed, c.views, c.height, c.width) for seed in seeds])

    def _source(self, seed: int) -> MovingScenes | PosedClips:
        drawn = np.random.default_rng((seed, 1)).random()
        return self._folders if self._folders and drawn < self._config.folder_share else self._scenes


class VideoTrainer:
    """Trains a network on clips.

    Args:
        config: settings.
        folder: of the run: state, weights and log.
        device: where.
        resume: go on with the run in the folder.

    Raises:
        ConfigError: the network cannot be built or trained so.
        CheckpointError: the state cannot be read, or does not fit.
    """

    def __init__(
        self, config: VideoTrainingConfig, folder: Path, device: torch.device | str, resume: bool = False
    ) -> None:
        self.config, self.folder, self.device = config, folder, torch.device(device)
        torch.manual_seed(config.seed)
        self.model = video_start(config, resume).to(self.device)
        self._precision = Precision("auto", self.device)
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._average = Average(self.model, config.ema)
        self.progress = Progress()
        if resume:
            self.progress = load_state(folder / STATE_NAME, self._state(), self.device)

    def run(self, max_minutes: float | None = None, show_progress: bool = True) -> Outcome:
        """Train until the run is complete, time is up or somebody interrupts; then save and export.

        Args:
            max_minutes: bound for this call, minutes; the run goes on with ``resume``.
            show_progress: draw a bar on stderr.
        """
        from tqdm import tqdm

        c, begin, before = self.config, time.monotonic(), self.progress.seconds
        clips = ahead(ClipSteps(c, self.progress.step), c.workers)
        total, first = c.steps, self.progress.step
        with (
            StopRequest() as stop,
            tqdm(total=total, initial=first, unit="step", disable=not show_progress) as bar,
        ):
            try:
                while self.progress.step < c.steps and not stop.asked:
                    self.progress.seconds = before + time.monotonic() - begin
                    if max_minutes is not None and time.monotonic() - begin > 60 * max_minutes:
                        break
                    self._step(clips)
                    bar.update()
            finally:
                end(clips)
            self.save()
        finished = self.progress.step >= c.steps
        return Outcome(self.progress.step, finished, stop.asked, self.folder / WEIGHTS_NAME)

    def save(self) -> None:
        """Write the state to go on from, and the averaged weights as a checkpoint for everybody.

        Raises:
            CheckpointError: a file cannot be written.
        """
        network = self.model.config
        about = {
            "config": self.config.to_dict(),
            "kind": video_kind_of(network),
            "network": network.to_dict(),
        }
        save_state(self.folder / STATE_NAME, self._state(), self.progress, about)
        notes = {
            "preset": self.config.preset,
            "steps": str(self.progress.step),
            "trained_on": "generated clips of a moving camera (scenes/moving)"
            + (" and recorded ones" if self.config.folder_share else ""),
        }
        save_checkpoint(self.folder / WEIGHTS_NAME, self._average.model, notes)

    def validate(self) -> dict[str, float]:
        """Return the averaged weights' errors on held-back clips: absolute (m), relative, inverse (1/m)."""
        c, scenes = self.config, MovingScenes(self.config.scenes)
        model = self._average.model
        sums = torch.zeros(4, dtype=torch.float64)
        for number in range(c.validation_clips):
            clip = stacked([scenes.clip(_HELD_BACK + number, 3, c.height, c.width)])
            views, intrinsics = clip.views(self.device), clip.intrinsics.to(self.device)
            with torch.inference_mode():
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
                depth = output.depths[0]
                found = depth_errors(depth, own.depth)
            sums += torch.tensor(
                [float(x) for x in (found.absolute, found.relative, found.inverse, found.pixels)]
            )
        names = ("abs", "abs_rel", "abs_inv")
        return {name: float(value / sums[3]) for name, value in zip(names, sums[:3], strict=True)}

    def _step(self, clips: Iterator[Clips]) -> None:
        c, step = self.config, self.progress.step
        rate = learning_rate(c, step / c.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        batch = next(clips)
        self.model.train()
        with self._precision.autocast():
            found = self._loss(batch.views(self.device), batch.intrinsics.to(self.device))
        self._optimizer.zero_grad(set_to_none=True)
        found.loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), c.clip)
        if bool(norm.isfinite()):
            self._optimizer.step()
        self._average.update(step)
        self.progress.step = step + 1
        self._report(found, rate)

    def _loss(self, views: Sequence[PosedBatch], intrinsics: Tensor) -> VideoLoss:
        model = self.model
        if isinstance(model, LeanVideo):
            return lean_clip_loss(model, views, intrinsics, self.config)
        if not isinstance(model, DeepVideoMVS):
            raise NotImplementedError(type(model).__name__)
        if model.config.recurrent:
            return sequence_loss(model, views, intrinsics)
        first, second = views
        return pair_loss(model, (first, second), intrinsics)

    def _report(self, found: VideoLoss, rate: float) -> None:
        c, step = self.config, self.progress.step
        if step % c.log_every == 0:
            errors = found.errors[0]
            relative = float(errors.relative / errors.pixels.clamp(min=1))
            self._log(
                {"train/loss": float(found.loss.detach()), "train/abs_rel": relative, "train/rate": rate}
            )
        if step % c.validate_every == 0:
            self._log({f"generated/{name}": value for name, value in self.validate().items()})
        if step % c.save_every == 0:
            self.save()

    def _log(self, values: dict[str, float]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        rounded = {name: float(f"{value:.6g}") for name, value in values.items()}
        minutes = round(self.progress.seconds / 60, 3)
        with (self.folder / LOG_NAME).open("a") as stream:
            stream.write(json.dumps({"step": self.progress.step, **rounded, "train/minutes": minutes}) + "\n")

    def _state(self) -> RunState[VideoNetwork]:
        return RunState(self.model, self._average.model, self._optimizer)
