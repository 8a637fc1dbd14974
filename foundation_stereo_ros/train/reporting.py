# SPDX-License-Identifier: Apache-2.0
"""What a run tells while it goes: a bar, lines of JSON, TensorBoard where it is installed, the validation."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.evaluate.metrics import error_metrics
from foundation_stereo_ros.io.files import append, writing
from foundation_stereo_ros.io.outputs import check_output
from foundation_stereo_ros.nets.stereo import StereoNetwork
from foundation_stereo_ros.scenes.raycast.generator import StereoBatch
from foundation_stereo_ros.shapes import RgbImage
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.descent import Stepped
from foundation_stereo_ros.train.pictures import Shown, draw_curve, panel
from foundation_stereo_ros.train.run_files import LOG_NAME, Progress, RunFiles
from foundation_stereo_ros.train.validation import Validation

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


class Reporter:
    """Tells how a run goes.

    Args:
        config: of the run.
        folder: for the journal.
        validation: measures the averaged weights.
        files: take the best ones.
        show_progress: draw a bar on stderr.
    """

    def __init__(
        self,
        config: TrainingConfig,
        folder: Path,
        validation: Validation,
        files: RunFiles,
        show_progress: bool,
    ) -> None:
        self._config, self._validation, self._files = config, validation, files
        self._journal, self._show, self._folder = Journal(folder), show_progress, folder
        self._bar: Any = None

    def begin(self, progress: Progress, averaged: StereoNetwork) -> None:
        """Draw the bar; of a run that starts from a checkpoint, note first how good that is."""
        from tqdm import tqdm

        c, hide = self._config, not self._show
        total = None if c.minutes else c.steps
        self._bar = tqdm(total=total, initial=progress.step, unit="step", disable=hide, dynamic_ncols=True)
        if c.start_from and c.validate_every and not progress.step:
            self._validate(progress, averaged)

    def step(
        self, progress: Progress, batch: StereoBatch, done: Stepped, rate: float, averaged: StereoNetwork
    ) -> None:
        """Tell of a step, and validate when it is time to."""
        c, step = self._config, progress.step
        self._bar.update(1)
        if due(step, c.log_every):
            self._note(progress, batch, done, rate)
        if due(step, c.picture_every):
            parts = (done.left, done.right, batch.disparity, batch.valid, done.output.refined[-1])
            self._picture(step, "train", Shown(*(part[0] for part in parts)))
        if due(step, c.validate_every):
            self._validate(progress, averaged)

    def close(self) -> None:
        """Finish the files."""
        self._journal.close()
        if self._bar is not None:
            self._bar.close()

    def _note(self, progress: Progress, batch: StereoBatch, done: Stepped, rate: float) -> None:
        error = error_metrics(done.output.refined[-1].detach(), batch.disparity, batch.valid)
        values = {"loss": float(done.loss), "epe": float(error["epe"]), "bp2": float(error["bp2"])}
        if not math.isfinite(values["loss"]):
            _log.warning("the loss of step %d is not finite; such steps change nothing", progress.step)
        others = {"rate": rate, "minutes": progress.seconds / 60.0}
        self._journal.scalars(progress.step, {f"train/{k}": v for k, v in {**values, **others}.items()})
        self._bar.set_postfix_str(f"loss {values['loss']:.3f}, epe {values['epe']:.3f} px")

    def _validate(self, progress: Progress, averaged: StereoNetwork) -> None:
        if not self._validation.wanted:
            return
        found = self._validation(averaged, lambda name, shown: self._picture(progress.step, name, shown))
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
