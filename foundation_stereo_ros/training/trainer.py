# SPDX-License-Identifier: Apache-2.0
"""The training loop: scenes, loss, AdamW, averaged weights; it can stop and go on at any step."""

from __future__ import annotations

import copy
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.network import FoundationStereo, NetworkConfig, save_checkpoint
from foundation_stereo_ros.training.augmentation import augment
from foundation_stereo_ros.training.feed import Feed, validation_batches
from foundation_stereo_ros.training.generator import SceneGenerator
from foundation_stereo_ros.training.interrupts import Interrupts
from foundation_stereo_ros.training.journal import Journal
from foundation_stereo_ros.training.losses import stereo_loss
from foundation_stereo_ros.training.metrics import average, error_metrics
from foundation_stereo_ros.training.replay import ReplayFeed
from foundation_stereo_ros.training.seeds import step_seed
from foundation_stereo_ros.training.state_file import Progress, load_state, save_state
from foundation_stereo_ros.training.training_config import TrainingConfig, learning_rate

STATE_NAME = "state.safetensors"
WEIGHTS_NAME = "weights.safetensors"
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Outcome:
    """How a call of `Trainer.run` ended.

    Attributes:
        step: steps done in all.
        finished: the run is complete.
        interrupted: somebody asked to stop.
        weights: the exported file.
    """

    step: int
    finished: bool
    interrupted: bool
    weights: Path


class Trainer:
    """Trains a network from nothing, or goes on with a run.

    Args:
        config: the run.
        folder: for its state, weights and logs.
        device: where to render and train.
        resume: go on from the state in the folder.

    Raises:
        ConfigError: the network cannot be built so.
        CheckpointError: the state cannot be read, or does not fit.
    """

    def __init__(
        self, config: TrainingConfig, folder: Path, device: torch.device | str, resume: bool = False
    ) -> None:
        self.config, self.folder, self.device = config, folder, torch.device(device)
        torch.manual_seed(config.seed)
        network = NetworkConfig.preset(config.preset, **config.network)
        if network.monocular is not None:
            raise ConfigError(
                f"preset {config.preset!r} has a monocular branch; training starts from nothing here"
            )
        self.iterations = config.iterations or network.iterations
        self.max_disparity = float(network.max_disp)
        self.model = FoundationStereo(network).to(self.device)
        if config.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.model).eval().requires_grad_(False)
        cuda = self.device.type == "cuda"
        torch.backends.cudnn.benchmark = cuda or torch.backends.cudnn.benchmark  # shapes never change here
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=cuda or None,
        )
        self.progress = Progress(loss_scale=2.0**14 if self._precision() == "fp16" else 1.0)
        if resume:
            state = folder / STATE_NAME
            self.progress = load_state(state, self.model, self.averaged, self.optimizer, self.device)
        # it also skips steps with non-finite gradients without the device being waited for
        growth = 2000 if self._precision() == "fp16" else 1 << 30
        self.scaler = torch.amp.GradScaler(
            self.device.type, init_scale=self.progress.loss_scale, growth_interval=growth, enabled=cuda
        )
        self.generator = SceneGenerator(config.scenes, self.device, self.max_disparity)
        self._forward: Any = torch.compile(self.model) if config.compile else self.model

    def run(self, max_minutes: float | None = None, show_progress: bool = True) -> Outcome:
        """Train until the run is complete, time is up or somebody interrupts; then save and export.

        Args:
            max_minutes: bound for this call, minutes; the run goes on with ``resume``.
            show_progress: draw a bar on stderr.
        """
        begin, before = time.monotonic(), self.progress.seconds
        journal = Journal(self.folder)
        kind = ReplayFeed if self.config.reuse > 1 else Feed
        feed = kind(self.config, self.generator, self.progress.step)
        with Interrupts() as interrupts, self._bar(show_progress) as bar:
            while not self._complete() and not interrupts.asked:
                if max_minutes is not None and time.monotonic() - begin > 60.0 * max_minutes:
                    break
                self._step(feed, journal, bar)
                self.progress.seconds = before + time.monotonic() - begin
            self.progress.loss_scale = float(self.scaler.get_scale()) if self.scaler.is_enabled() else 1.0
            self.save()
            journal.close()
        return Outcome(self.progress.step, self._complete(), interrupts.asked, self.folder / WEIGHTS_NAME)

    def save(self) -> None:
        """Write the state to go on from, and the averaged weights as a checkpoint for everybody."""
        config = self.config.to_dict()
        save_state(self.folder / STATE_NAME, self.model, self.averaged, self.optimizer, self.progress, config)
        notes = {
            "steps": str(self.progress.step),
            "trained_on": "generated scenes",
            "preset": self.config.preset,
        }
        save_checkpoint(self.folder / WEIGHTS_NAME, self.averaged, notes)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the averaged weights' errors on held-back scenes, by name as `error_metrics` has them.

        Over all valid pixels; under ``noc_`` over those that both cameras see.
        """
        found = []
        for batch in validation_batches(self.config, self.generator):
            with self._autocast():
                estimate = self.averaged(batch.left, batch.right, iterations=self.iterations)
            hidden = batch.occluded if batch.occluded is not None else torch.zeros_like(batch.valid)
            for index in range(len(estimate)):
                pair = estimate[index], batch.disparity[index]
                both = error_metrics(*pair, batch.valid[index])
                seen = error_metrics(*pair, batch.valid[index] & ~hidden[index])
                found.append({**both, **{f"noc_{name}": value for name, value in seen.items()}})
        return average(found)

    def _step(self, feed: Feed | ReplayFeed, journal: Journal, bar: Any) -> None:
        c, step = self.config, self.progress.step
        rate = learning_rate(c, self._share())
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = feed.next()
        seed = step_seed(c.seed, step)
        torch.manual_seed(seed)
        left, right = augment(batch.left, batch.right, c.augmentation, seed)
        self.model.train()
        with self._autocast():
            output = self._forward(left, right, iterations=self.iterations, every_iteration=True)
        loss = stereo_loss(
            output.initial, output.refined, batch.disparity, batch.valid, self.max_disparity, c.gamma
        )
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self._descend()
        feed.prepare()
        self.progress.step = step = step + 1
        bar.update(1)
        if _due(step, c.log_every):
            error = error_metrics(output.refined[-1].detach(), batch.disparity, batch.valid)
            values = {"loss": float(loss.detach()), "epe": float(error["epe"]), "bp2": float(error["bp2"])}
            self._note(journal, bar, {f"train/{k}": v for k, v in values.items()} | {"train/rate": rate})
        if _due(step, c.picture_every):
            journal.pictures(step, left[0], right[0], batch.disparity[0], output.refined[-1][0])
        if c.validation_pairs and _due(step, c.validate_every):
            journal.scalars(step, {f"held_back/{k}": v for k, v in self.validate().items()})
        if _due(step, c.save_every):
            self.save()

    def _descend(self) -> None:
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        if self.scaler.is_enabled() or bool(norm.isfinite()):
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self._average()

    @torch.no_grad()
    def _average(self) -> None:
        # young averages forget their random start faster
        decay = min(self.config.ema, (1 + self.progress.step) / (10 + self.progress.step))
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.model.parameters()), 1.0 - decay)
        for target, source in zip(self.averaged.buffers(), self.model.buffers(), strict=True):
            if target.is_floating_point():  # statistics of small batches are noisy
                target.lerp_(source, 1.0 - decay)
            else:
                target.copy_(source)

    def _note(self, journal: Journal, bar: Any, values: dict[str, float]) -> None:
        journal.scalars(self.progress.step, {**values, "train/minutes": self.progress.seconds / 60.0})
        bar.set_postfix_str(f"loss {values['train/loss']:.3f}, epe {values['train/epe']:.3f} px")

    def _share(self) -> float:
        if self.config.minutes:
            return self.progress.seconds / (60.0 * self.config.minutes)
        return self.progress.step / self.config.steps

    def _complete(self) -> bool:
        return self._share() >= 1.0

    def _precision(self) -> str:
        if self.config.precision != "auto":
            return self.config.precision
        return "bf16" if self.device.type == "cuda" else "fp32"

    def _autocast(self) -> AbstractContextManager[Any]:
        kind = _TYPES.get(self._precision())
        return torch.autocast(self.device.type, dtype=kind) if kind is not None else nullcontext()

    def _bar(self, show: bool) -> Any:
        from tqdm import tqdm

        total = None if self.config.minutes else self.config.steps
        return tqdm(
            total=total, initial=self.progress.step, unit="step", disable=not show, dynamic_ncols=True
        )


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
