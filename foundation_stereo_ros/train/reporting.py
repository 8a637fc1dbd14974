# SPDX-License-Identifier: Apache-2.0
"""What a run tells while it goes: a bar, lines of JSON, TensorBoard where it is installed, the validation."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from torch import Tensor, nn

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.io.files import append, writing
from foundation_stereo_ros.io.outputs import check_output
from foundation_stereo_ros.shapes import RgbImage
from foundation_stereo_ros.train.pictures import Shown, draw_curve, panel
from foundation_stereo_ros.train.run_files import LOG_NAME, Progress, RunFiles
from foundation_stereo_ros.train.validation import Show

_log = logging.getLogger(__name__)


class Journal:
    """Writes scalars to ``log.jsonl`` and, if the `tensorboard` package is there, scalars and pictures for
    it.

    Args:
        folder: of the run.

    Raises:
        FileFormatError: it cannot be written to; so does `scalars`.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG_NAME
        check_output(self._path)
        with writing(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._lines = self._path.open("ab", buffering=0)
        self._board: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._board = SummaryWriter(str(folder / "tensorboard"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Note numbers under names like ``train/loss``."""
        rounded = {name: float(f"{value:.6g}") for name, value in values.items()}
        append(self._path, self._lines, f"{json.dumps({'step': step, **rounded})}\n".encode())
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    @property
    def shows_pictures(self) -> bool:
        """Whether anybody will see a picture."""
        return self._board is not None

    def picture(self, step: int, name: str, pixels: RgbImage) -> None:
        """Show H x W x 3 under a name."""
        if self._board is not None:
            self._board.add_image(name, pixels, step, dataformats="HWC")

    def close(self) -> None:
        """Finish the files."""
        self._lines.close()
        if self._board is not None:
            self._board.close()


def due(step: int, every: int) -> bool:
    """Return whether something happens after a step; never with ``every`` 0."""
    return every > 0 and step % every == 0


class ReportSettings(Protocol):
    """What a run says of its reports; see `TrainingConfig`."""

    @property
    def steps(self) -> int:
        """Length of the run."""

    @property
    def minutes(self) -> float:
        """Length of the run in minutes instead; 0: in steps."""

    @property
    def start_from(self) -> str:
        """Weights that it begins with; empty: none."""

    @property
    def log_every(self) -> int:
        """In steps; 0: never. So are the following."""

    @property
    def picture_every(self) -> int:
        """Between pictures."""

    @property
    def validate_every(self) -> int:
        """Between validations."""

    @property
    def keep_best(self) -> str:
        """Figure that decides on the best weights."""


class HasLoss(Protocol):
    """What a step found."""

    @property
    def loss(self) -> Tensor:
        """Without dimensions."""


Batch = TypeVar("Batch", contravariant=True)
Done = TypeVar("Done", bound=HasLoss, contravariant=True)


class Subject(Protocol[Batch, Done]):
    """What is told of a run, and measured.

    Attributes:
        wanted: whether there is anything to measure on.
    """

    wanted: bool

    def figures(self, batch: Batch, done: Done) -> Mapping[str, float]:
        """Return the errors of a step's own batch by name."""

    def headline(self, figures: Mapping[str, float]) -> str:
        """Return which of these stands beside the bar."""

    def shown(self, batch: Batch, done: Done) -> Shown | None:
        """Return what to show of a step; None: nothing."""

    def validate(self, averaged: Any, show: Show | None = None) -> dict[str, float]:
        """Return the averaged weights' errors by name.

        Args:
            averaged: the network, in evaluation mode.
            show: takes a name and something to show.
        """


class Reporter(Generic[Batch, Done]):
    """Tells how a run goes.

    Args:
        config: of the run.
        folder: for the journal.
        subject: what is told, and measured.
        files: take the best weights.
        show_progress: draw a bar on stderr.
    """

    def __init__(
        self,
        config: ReportSettings,
        folder: Path,
        subject: Subject[Batch, Done],
        files: RunFiles,
        show_progress: bool,
    ) -> None:
        self._config, self._subject, self._files = config, subject, files
        self._journal, self._show, self._folder = Journal(folder), show_progress, folder
        self._bar: Any = None

    def begin(self, progress: Progress, averaged: nn.Module) -> None:
        """Draw the bar; of a run that starts from a checkpoint, note first how good that is."""
        from tqdm import tqdm

        c, hide = self._config, not self._show
        total = None if c.minutes else c.steps
        self._bar = tqdm(total=total, initial=progress.step, unit="step", disable=hide, dynamic_ncols=True)
        if c.start_from and c.validate_every and not progress.step:
            self._validate(progress, averaged)

    def step(self, progress: Progress, batch: Batch, done: Done, rate: float, averaged: nn.Module) -> None:
        """Tell of a step, and validate when it is time to."""
        c, step = self._config, progress.step
        self._bar.update(1)
        if due(step, c.log_every):
            self._note(progress, batch, done, rate)
        if due(step, c.picture_every) and (shown := self._subject.shown(batch, done)) is not None:
            self._picture(step, "train", shown)
        if due(step, c.validate_every):
            self._validate(progress, averaged)

    def close(self) -> None:
        """Finish the files."""
        self._journal.close()
        if self._bar is not None:
            self._bar.close()

    def _note(self, progress: Progress, batch: Batch, done: Done, rate: float) -> None:
        loss, figures = float(done.loss.detach()), self._subject.figures(batch, done)
        if not math.isfinite(loss):
            _log.warning("the loss of step %d is not finite; such steps change nothing", progress.step)
        values = {"loss": loss, **figures, "rate": rate, "minutes": progress.seconds / 60.0}
        self._journal.scalars(progress.step, {f"train/{k}": v for k, v in values.items()})
        self._bar.set_postfix_str(f"loss {loss:.3f}, {self._subject.headline(figures)}")

    def _validate(self, progress: Progress, averaged: nn.Module) -> None:
        if not self._subject.wanted:
            return
        found = self._subject.validate(
            averaged, lambda name, shown: self._picture(progress.step, name, shown)
        )
        self._journal.scalars(progress.step, found)
        draw_curve(self._folder)
        name = self._config.keep_best
        if name and name not in found:
            raise ConfigError(f"keep_best is {name!r}; expected one of {', '.join(found)}")
        if name and found[name] < progress.best:
            progress.best = found[name]
            self._files.save_best(averaged, progress)

    def _picture(self, step: int, name: str, shown: Shown) -> None:
        if self._journal.shows_pictures:
            self._journal.picture(step, name, panel(shown))
