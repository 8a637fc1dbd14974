# SPDX-License-Identifier: Apache-2.0
"""What a run tells while it goes: lines of JSON always, TensorBoard where it is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


class Journal:
    """Writes scalars to ``log.jsonl`` and, if the `tensorboard` package is there, scalars and pictures for
    it.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = (folder / "log.jsonl").open("a", encoding="utf-8")
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

    def pictures(self, step: int, left: Tensor, right: Tensor, truth: Tensor, estimate: Tensor) -> None:
        """Show one pair (3 x H x W, 0 to 255) over its true and its estimated disparity (1 x H x W)."""
        if self._board is None:
            return
        full = truth.max().clamp(min=1.0)
        maps = [(d / full).clamp(0.0, 1.0).expand(3, -1, -1) for d in (truth, estimate.detach().float())]
        rows = [torch.cat([left, right], dim=2) / 255.0, torch.cat(maps, dim=2)]
        self._board.add_image("pair_truth_estimate", torch.cat(rows, dim=1).clamp(0.0, 1.0).cpu(), step)

    def close(self) -> None:
        """Finish the files."""
        self._lines.close()
        if self._board is not None:
            self._board.close()
