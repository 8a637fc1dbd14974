# SPDX-License-Identifier: Apache-2.0
"""The training loop, for stereo pairs and posed video alike; it can stop and go on at any step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch

from foundation_stereo_ros.errors import FoundationStereoError
from foundation_stereo_ros.scenes.seeds import step_seed
from foundation_stereo_ros.train.distributed import Group
from foundation_stereo_ros.train.optimisation import FIRST_SCALE, Average, Precision
from foundation_stereo_ros.train.reporting import HasLoss, Reporter, ReportSettings, Subject, due
from foundation_stereo_ros.train.run_files import (
    STATE_NAME,
    WEIGHTS_NAME,
    Progress,
    RunFiles,
    RunState,
    load_state,
)
from foundation_stereo_ros.train.stop_request import StopRequest

Batch = TypeVar("Batch")
Done = TypeVar("Done", bound=HasLoss)
Handed = TypeVar("Handed", covariant=True)
Taken = TypeVar("Taken", contravariant=True)
Found = TypeVar("Found", bound=HasLoss, covariant=True)


@dataclass(frozen=True)
class Outcome:
    """How a call of `Loop.run` ended.

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


class LoopSettings(ReportSettings, Protocol):
    """What a run says of its loop; see `TrainingConfig`."""

    @property
    def seed(self) -> int:
        """Of all random choices."""

    @property
    def save_every(self) -> int:
        """In steps."""


class Feed(Protocol[Handed]):
    """Hands out one batch after another."""

    def next(self) -> Handed:
        """Return the batch of the next step."""

    def prepare(self) -> None:
        """Start on the batch after that."""

    def close(self) -> None:
        """End the processes that make batches."""


class Steps(Protocol[Taken, Found]):
    """Trains a network batch by batch; see `Optimisation`."""

    optimizer: torch.optim.AdamW
    average: Average[Any]
    scaler: torch.amp.GradScaler

    def begin(self, loss_scale: float) -> None:
        """Set the scale of the loss."""

    def rate(self, step: int, share: float) -> float:
        """Return the learning rate of a step, after a share of the run."""

    def step(self, batch: Taken, number: int, seed: int, rate: float) -> Found:
        """Do a step."""


@dataclass(frozen=True)
class Parts(Generic[Batch, Done]):
    """What differs from one kind of run to another.

    Attributes:
        model: the network in training, on its device.
        descent: makes the steps.
        feed: the step to begin at to the batches from there on.
        subject: what is told of a run, and measured.
        files: writes the run's files.
    """

    model: Any
    descent: Steps[Batch, Done]
    feed: Callable[[int], Feed[Batch]]
    subject: Subject[Batch, Done]
    files: RunFiles


class Loop(Generic[Batch, Done]):
    """Repeats steps, and tells and saves in between.

    Args:
        config: the run.
        folder: for its state, weights and logs.
        device: where to train.
        precision: of the forward pass.
        group: the processes that train together; the first one writes the files.
        resume: go on from the state in the folder.
        parts: what differs from one kind of run to another.

    Attributes:
        model, averaged: the network in training, and the average of its weights.
        progress: how far the run is.

    Raises:
        CheckpointError: the state cannot be read, or does not fit.
    """

    def __init__(
        self,
        config: LoopSettings,
        folder: Path,
        device: torch.device,
        precision: Precision,
        group: Group,
        resume: bool,
        parts: Parts[Batch, Done],
    ) -> None:
        self._settings, self.folder, self.device = config, folder, device
        self._group, self._parts, self._descent = group, parts, parts.descent
        self.model, self.averaged = parts.model, parts.descent.average.model
        self.progress = Progress(loss_scale=FIRST_SCALE if precision.name == "fp16" else 1.0)
        if resume:
            self.progress = load_state(folder / STATE_NAME, self._state(), device)
        self._descent.begin(self.progress.loss_scale)

    def run(self, max_minutes: float | None = None, show_progress: bool = True) -> Outcome:
        """Train until the run is complete, time is up or somebody interrupts; then save and export.

        Args:
            max_minutes: bound for this call, minutes; the run goes on with ``resume``.
            show_progress: draw a bar on stderr.
        """
        begin, place = time.monotonic(), self._group.place
        feed = self._parts.feed(self.progress.step)
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
        self._parts.files.save(self._state(), self.progress)

    def validate(self) -> dict[str, float]:
        """Return the averaged weights' errors by name."""
        return self._parts.subject.validate(self.averaged)

    def _loop(
        self,
        feed: Feed[Batch],
        reporter: Reporter[Batch, Done] | None,
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

    def _step(self, feed: Feed[Batch], reporter: Reporter[Batch, Done] | None) -> None:
        c, step, place = self._settings, self.progress.step, self._group.place
        batch, rate = feed.next(), self._descent.rate(step, self._share())
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

    def _reporter(self, show_progress: bool) -> Reporter[Batch, Done]:
        parts = self._parts
        return Reporter(self._settings, self.folder, parts.subject, parts.files, show_progress)

    def _state(self) -> RunState[Any]:
        return RunState(self.model, self.averaged, self._descent.optimizer)

    def _share(self) -> float:
        if self._settings.minutes:
            return self.progress.seconds / (60.0 * self._settings.minutes)
        return self.progress.step / self._settings.steps

    def _complete(self) -> bool:
        return self._share() >= 1.0
