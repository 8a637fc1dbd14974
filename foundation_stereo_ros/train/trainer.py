# SPDX-License-Identifier: Apache-2.0
"""The training loop; it can stop and go on at any step."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from foundation_stereo_ros.errors import FoundationStereoError
from foundation_stereo_ros.nets.stereo import StereoNetwork, lay_channels_last
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator
from foundation_stereo_ros.scenes.seeds import step_seed
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.descent import FIRST_SCALE, Descent, Precision, learning_rate
from foundation_stereo_ros.train.distributed import Group, sync_norms
from foundation_stereo_ros.train.feed.mixed import MixedFeed
from foundation_stereo_ros.train.reporting import Reporter, due
from foundation_stereo_ros.train.run_files import (
    STATE_NAME,
    WEIGHTS_NAME,
    Progress,
    RunFiles,
    RunState,
    load_state,
    read_about,
)
from foundation_stereo_ros.train.start import start
from foundation_stereo_ros.train.stop_request import StopRequest
from foundation_stereo_ros.train.validation import Validation


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
        group: the processes that train together; the first one writes the files.

    Attributes:
        model, averaged: the network in training, and the average of its weights.
        notes: what the weights are made from, as the exported file says it.

    Raises:
        ConfigError: the network cannot be built or trained so.
        CheckpointError: the checkpoint or the state cannot be read, or does not fit.
        FileFormatError: a dataset to validate on cannot be read.
    """

    def __init__(
        self,
        config: TrainingConfig,
        folder: Path,
        device: torch.device | str,
        resume: bool = False,
        group: Group | None = None,
    ) -> None:
        self.config, self.folder, self.device = config, folder, torch.device(device)
        self._group = group or Group()
        self._precision = Precision(config.precision, self.device)
        self._precision.check_height(config.height)
        torch.manual_seed(config.seed)
        began = start(config, read_about(folder / STATE_NAME) if resume else None)
        self.model, self.notes = began.model.to(self.device), dict(began.notes)
        if config.norms == "synced":
            sync_norms(self.model, self.device)
        if config.channels_last:
            lay_channels_last(self.model)
        cuda = self.device.type == "cuda"
        torch.backends.cudnn.benchmark = cuda or torch.backends.cudnn.benchmark  # shapes never change here
        self._descent = Descent(config, self.model, self._precision, self._group)
        self.averaged = self._descent.average.model
        self.progress = Progress(loss_scale=FIRST_SCALE if self._precision.name == "fp16" else 1.0)
        if resume:
            self.progress = load_state(folder / STATE_NAME, self._state(), self.device)
        self._descent.begin(self.progress.loss_scale)
        self.generator = SceneGenerator(config.scenes, self.device, float(self.model.config.max_disp))
        self._files = RunFiles(folder, config, self.notes)
        self._validation = Validation(config, self.generator, self._precision)

    def run(self, max_minutes: float | None = None, show_progress: bool = True) -> Outcome:
        """Train until the run is complete, time is up or somebody interrupts; then save and export.

        Args:
            max_minutes: bound for this call, minutes; the run goes on with ``resume``.
            show_progress: draw a bar on stderr.
        """
        begin, place = time.monotonic(), self._group.place
        feed = MixedFeed(self.config, self.generator, self.progress.step, place)
        reporter = self._reporter(show_progress) if place.first else None
        with StopRequest(patient=place.world > 1) as stop:
            try:
                if reporter:
                    reporter.begin(self.progress, self.averaged)
                interrupted = self._loop(feed, reporter, stop, begin, max_minutes)
            except FoundationStereoError:
                self._save_if_first()  # what has been done so far is good
                raise
            finally:
                feed.close()
                if reporter:
                    reporter.close()
            self._save_if_first()
            self._group.highest(0.0)  # nobody leaves before the files are whole
        return Outcome(self.progress.step, self._complete(), interrupted, self.folder / WEIGHTS_NAME)

    def save(self) -> None:
        """Write the state to go on from, and the averaged weights as a checkpoint for everybody."""
        scaler = self._descent.scaler
        self.progress.loss_scale = float(scaler.get_scale()) if scaler.is_enabled() else 1.0
        self._files.save(self._state(), self.progress)

    def validate(self) -> dict[str, float]:
        """Return the averaged weights' errors by name, as `Validation` has them."""
        return self._validation(self.averaged)

    def _loop(
        self,
        feed: MixedFeed,
        reporter: Reporter | None,
        stop: StopRequest,
        begin: float,
        max_minutes: float | None,
    ) -> bool:
        """Do steps; returns whether somebody interrupted."""
        before = self.progress.seconds
        while True:
            spent = time.monotonic() - begin
            late = max_minutes is not None and spent > 60.0 * max_minutes
            # the same for all processes, so that they end, and choose learning rates, alike
            asked, over, seconds = self._group.highest(stop.asked, late, before + spent)
            self.progress.seconds = seconds
            if asked or over or self._complete():
                return bool(asked)
            self._step(feed, reporter)

    def _step(self, feed: MixedFeed, reporter: Reporter | None) -> None:
        c, step, place = self.config, self.progress.step, self._group.place
        batch, rate = feed.next(), learning_rate(c, self._share())
        done = self._descent.step(batch, step, step_seed(c.seed, step * place.world + place.rank), rate)
        feed.prepare()
        self.progress.step = step + 1
        if reporter:
            reporter.step(self.progress, batch, done, rate, self.averaged)
        if due(step + 1, c.save_every):
            self._save_if_first()

    def _save_if_first(self) -> None:
        if self._group.place.first:
            self.save()

    def _reporter(self, show_progress: bool) -> Reporter:
        return Reporter(self.config, self.folder, self._validation, self._files, show_progress)

    def _state(self) -> RunState[StereoNetwork]:
        return RunState(self.model, self.averaged, self._descent.optimizer)

    def _share(self) -> float:
        if self.config.minutes:
            return self.progress.seconds / (60.0 * self.config.minutes)
        return self.progress.step / self.config.steps

    def _complete(self) -> bool:
        return self._share() >= 1.0
