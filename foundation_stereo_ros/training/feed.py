# SPDX-License-Identifier: Apache-2.0
"""Batches for training: scenes planned by other processes, if wanted, and rendered on the training device.

On a CPU those processes render as well, while this one trains.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from foundation_stereo_ros.training.generator import Plan, SceneGenerator, StereoBatch, plan
from foundation_stereo_ros.training.seeds import VALIDATION, training_seeds
from foundation_stereo_ros.training.training_config import TrainingConfig

_ENDLESS = 1 << 30


class PlannedSteps(Dataset[Plan]):
    """The scenes of each step from a first one on; they depend on the run's seed and the step alone."""

    def __init__(self, config: TrainingConfig, first: int) -> None:
        self._config, self._first = config, first

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, index: int) -> Plan:
        c = self._config
        return plan(c.scenes, training_seeds(c.seed, self._first + index, c.batch), c.height, c.width)


class RenderedPairs(Dataset[StereoBatch]):
    """Rendered pairs from a first one on, one by one; each depends on the run's seed and its number alone.

    Args:
        config: of the run.
        generator: renders, in whichever process asks; on a CPU.
        first: number of the first pair.
        height, width: of the pictures, pixels.
    """

    def __init__(
        self, config: TrainingConfig, generator: SceneGenerator, first: int, height: int, width: int
    ) -> None:
        self._config, self._generator, self._first = config, generator, first
        self._size = (height, width)

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, index: int) -> StereoBatch:
        seeds = training_seeds(self._config.seed, self._first + index, 1)
        return self._generator.generate(seeds, 1, *self._size, occlusion=False)


T = TypeVar("T")


def ahead(items: Dataset[T], workers: int, pin: bool = False) -> Iterator[T]:
    """Return the items in order, made by other processes ahead of need if there are ``workers``."""
    loader: DataLoader[T] = DataLoader(
        items,
        batch_size=None,
        shuffle=False,
        num_workers=workers,
        worker_init_fn=_ignore_interrupts,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="spawn" if workers else None,  # forking after CUDA started is not allowed
    )
    return iter(loader)


def _ignore_interrupts(_: int) -> None:
    """Leave Ctrl-C to the trainer, which wants to save first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


class Feed:
    """Hands out one rendered batch after another; on CUDA each is rendered beside the step before it.

    Args:
        config: of the run.
        generator: renders; on the training device.
        first: step to begin at.
    """

    def __init__(self, config: TrainingConfig, generator: SceneGenerator, first: int) -> None:
        self._generator = generator
        cuda = generator.device.type == "cuda"
        self._plans = ahead(PlannedSteps(config, first), config.workers, pin=cuda)
        self._stream = torch.cuda.Stream(generator.device) if cuda else None
        self._ahead: StereoBatch | None = None

    def next(self) -> StereoBatch:
        """Return the batch of the next step."""
        if self._stream is None:
            return self._generator.render(next(self._plans), occlusion=False)
        batch = self._ahead or self._render_beside(self._stream)
        current = torch.cuda.current_stream(self._generator.device)
        current.wait_stream(self._stream)
        for tensor in (batch.left, batch.right, batch.disparity, batch.valid):
            tensor.record_stream(current)
        self._ahead = None
        return batch

    def prepare(self) -> None:
        """Start on the batch after the one handed out; call it when the step's own work is under way."""
        if self._stream is not None:
            self._ahead = self._render_beside(self._stream)

    def _render_beside(self, stream: torch.cuda.Stream) -> StereoBatch:
        with torch.cuda.stream(stream):
            return self._generator.render(next(self._plans), occlusion=False)


def validation_batches(config: TrainingConfig, generator: SceneGenerator) -> Iterator[StereoBatch]:
    """Render the held-back pairs, in batches no larger than those of training."""
    for first in range(0, config.validation_pairs, config.batch):
        count = min(config.batch, config.validation_pairs - first)
        yield generator.generate(VALIDATION + first, count, config.height, config.width)
