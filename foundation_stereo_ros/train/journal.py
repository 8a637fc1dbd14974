# SPDX-License-Identifier: Apache-2.0
"""What a run tells while it goes: lines of JSON always, TensorBoard where it is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation_stereo_ros.shapes import RgbImage

LOG_NAME = "log.jsonl"


class Journal:
    """Writes scalars to ``log.jsonl`` and, if the `tensorboard` package is there, scalars and pictures for
    it.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = (folder / LOG_NAME).open("a", encoding="utf-8")
        self._board: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._board = SummaryWriter(str(folder / "tensorboard"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Note numbers under names like ``train/loss``."""
        rounded = {name: float(f"{value:.6g}") for name, value in values.items()}
        self._lines.write(json.dumps({"step": step, **rounded}) + "\n")
        self._lines.flush()
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
