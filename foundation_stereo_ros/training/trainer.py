# SPDX-License-Identifier: Apache-2.0
"""The training loop; it can stop and go on at any step."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from foundation_stereo_ros.network import save_checkpoint
from foundation_stereo_ros.training.data_config import describe
from foundation_stereo_ros.training.descent import Descent, Stepped
from foundation_stereo_ros.training.generator import SceneGenerator, StereoBatch
from foundation_stereo_ros.training.interrupts import Interrupts
from foundation_stereo_ros.training.journal import Journal
from foundation_stereo_ros.training.metrics import error_metrics
from foundation_stereo_ros.training.mixed_feed import MixedFeed
from foundation_stereo_ros.training.precision import FIRST_SCALE, Precision
from foundation_stereo_ros.training.seeds import step_seed
from foundation_stereo_ros.training.start import start
from foundation_stereo_ros.training.state_file import Progress, RunState, load_state, read_about, save_state
from foundation_stereo_ros.training.training_config import TrainingConfig, learning_rate
from foundation_stereo_ros.training.validation import Validation

STATE_NAME = "state.safetensors"
WEIGHTS_NAME = "weights.safetensors"
_log = logging.getLogger(__name__)


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
    """Trains a network from nothing or from a checkpoint, or goes on with a run.

    Args:
        config: the run.
        folder: for its state, weights and logs.
        device: where to render and train.
        resume: go on from the state in the folder.

    Attributes:
        model, averaged: the network in training, and the average of its weights.
        notes: what the weights are made from, as the exported file says it.

    Raises:
        ConfigError: the network cannot be built so.
        CheckpointError: the checkpoint or the state cannot be read, or does not fit.
    """

    def __init__(
        self, config: TrainingConfig, folder: Path, device: torch.device | str, resume: bool = False
    ) -> None:
        self.config, self.folder, self.device = config, folder, torch.device(device)
        self._precision = Precision(config.precision, self.device)
        torch.manual_seed(config.seed)
        began = start(config, read_about(folder / STATE_NAME) if resume else None)
        self.model, self.notes = began.model.to(self.device), dict(began.notes)
        if config.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        cuda = self.device.type == "cuda"
        torch.backends.cudnn.benchmark = cuda or torch.backends.cudnn.benchmark  # shapes never change here
        self._descent = Descent(config, self.model, self._precision)
        self.averaged = self._descent.average.model
        self.progress = Progress(loss_scale=FIRST_SCALE if self._precision.name == "fp16" else 1.0)
        if resume:
            self.progress = load_state(folder / STATE_NAME, self._state(), self.device)
        self._descent.begin(self.progress.loss_scale)
        self.generator = SceneGenerator(config.scenes, self.device, float(self.model.config.max_disp))
        self._validation = Validation(config, self.generator, self._precision)

    def run(self, max_minutes: float | None = None, show_progress: bool = True) -> Outcome:
        """Train until the run is complete, time is up or somebody interrupts; then save and export.

        Args:
            max_minutes: bound for this call, minutes; the run goes on with ``resume``.
            show_progress: draw a bar on stderr.
        """
        begin, before = time.monotonic(), self.progress.seconds
        journal = Journal(self.folder)
        feed = MixedFeed(self.config, self.generator, self.progress.step)
        with Interrupts() as interrupts, self._bar(show_progress) as bar:
            while not self._complete() and not interrupts.asked:
                if max_minutes is not None and time.monotonic() - begin > 60.0 * max_minutes:
                    break
                self._step(feed, journal, bar)
                self.progress.seconds = before + time.monotonic() - begin
            self.save()
            journal.close()
        return Outcome(self.progress.step, self._complete(), interrupts.asked, self.folder / WEIGHTS_NAME)

    def save(self) -> None:
        """Write the state to go on from, and the averaged weights as a checkpoint for everybody."""
        scaler = self._descent.scaler
        self.progress.loss_scale = float(scaler.get_scale()) if scaler.is_enabled() else 1.0
        about = {
            "config": self.config.to_dict(),
            "network": self.model.config.to_dict(),
            "notes": self.notes,
        }
        save_state(self.folder / STATE_NAME, self._state(), self.progress, about)
        before = [self.notes[name] for name in ("trained_on",) if name in self.notes]
        trained_on = ", then ".join([*before, describe(self.config.data)])
        notes = {**self.notes, "steps": str(self.progress.step), "trained_on": trained_on}
        save_checkpoint(self.folder / WEIGHTS_NAME, self.averaged, notes)

    def validate(self) -> dict[str, float]:
        """Return the averaged weights' errors by name, as `Validation` has them."""
        return self._validation(self.averaged)

    def _step(self, feed: MixedFeed, journal: Journal, bar: Any) -> None:
        c, step = self.config, self.progress.step
        batch, rate = feed.next(), learning_rate(c, self._share())
        done = self._descent.step(batch, step, step_seed(c.seed, step), rate)
        feed.prepare()
        self.progress.step = step = step + 1
        bar.update(1)
        if _due(step, c.log_every):
            self._note(journal, bar, batch, done, rate)
        if _due(step, c.picture_every):
            journal.pictures(
                step, done.left[0], done.right[0], batch.disparity[0], done.output.refined[-1][0]
            )
        if c.validation_pairs and _due(step, c.validate_every):
            journal.scalars(step, self.validate())
        if _due(step, c.save_every):
            self.save()

    def _note(self, journal: Journal, bar: Any, batch: StereoBatch, done: Stepped, rate: float) -> None:
        error = error_metrics(done.output.refined[-1].detach(), batch.disparity, batch.valid)
        values = {"loss": float(done.loss), "epe": float(error["epe"]), "bp2": float(error["bp2"])}
        if not math.isfinite(values["loss"]):
            _log.warning("the loss of step %d is not finite; such steps change nothing", self.progress.step)
        others = {"rate": rate, "minutes": self.progress.seconds / 60.0}
        journal.scalars(self.progress.step, {f"train/{k}": v for k, v in {**values, **others}.items()})
        bar.set_postfix_str(f"loss {values['loss']:.3f}, epe {values['epe']:.3f} px")

    def _state(self) -> RunState:
        return RunState(self.model, self.averaged, self._descent.optimizer)

    def _share(self) -> float:
        if self.config.minutes:
            return self.progress.seconds / (60.0 * self.config.minutes)
        return self.progress.step / self.config.steps

    def _complete(self) -> bool:
        return self._share() >= 1.0

    def _bar(self, show: bool) -> Any:
        from tqdm import tqdm

        total = None if self.config.minutes else self.config.steps
        return tqdm(
            total=total, initial=self.progress.step, unit="step", disable=not show, dynamic_ncols=True
        )


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
