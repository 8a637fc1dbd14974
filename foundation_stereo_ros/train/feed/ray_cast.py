# SPDX-License-Identifier: Apache-2.0
"""Batches of generated scenes: planned by other processes, if wanted, and rendered on the training device.

On a CPU those processes render as well, while this one trains.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from typing import Protocol, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from foundation_stereo_ros.scenes.raycast.generator import Plan, SceneGenerator, StereoBatch, plan
from foundation_stereo_ros.scenes.seeds import VALIDATION
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.curation.seeds import seed_source
from foundation_stereo_ros.train.feed.mixture import Mixture
from foundation_stereo_ros.train.place import ALONE, Place

_ENDLESS = 1 << 30
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class PlannedSteps(Dataset[Plan | None]):
    """The scenes of each step from a first one on; they depend on the run's seed and the step alone.

    A step that has none is None.

    Args:
        config: of the run.
        first: step to begin at.
        place: of this process.
    """

    def __init__(self, config: TrainingConfig, first: int, place: Place) -> None:
        self._config, self._first, self._place = config, first, place
        self._mixture = Mixture(config, place)
        self._seeds = seed_source(config, config.height, config.width)

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, index: int) -> Plan | None:
        c, step, everybody = self._config, self._first + index, self._config.batch * self._place.world
        seeds = self._seeds(step, everybody)  # of all processes
        mine = [seeds[number - step * everybody] for number in self._mixture.scenes(step)]
        return plan(c.scenes, mine, c.height, c.width) if mine else None


class RenderedPairs(Dataset[StereoBatch]):
    """Rendered pairs from a first one on, one by one; each depends on the run's seed and its number alone.

    Args:
        config: of the run.
        generator: renders, in whichever process asks; on a CPU.
        first: number of the first pair.
        size: height and width of the pictures, pixels.
        place: of this process; those that train together take turns.
    """

    def __init__(
        self,
        config: TrainingConfig,
        generator: SceneGenerator,
        first: int,
        size: tuple[int, int],
        place: Place,
    ) -> None:
        self._seeds, self._generator, self._first = seed_source(config, *size), generator, first
        self._size, self._place = size, place

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, index: int) -> StereoBatch:
        number = self._place.numbers(self._first + index, 1)[0]
        return self._generator.generate(self._seeds(number, 1), 1, *self._size, occlusion=False)


T = TypeVar("T")


def ahead(items: Dataset[T], workers: int, pin: bool = False) -> Iterator[T]:
    """Return the items in order, made by other processes ahead of need if there are ``workers``."""
    loader: DataLoader[T] = DataLoader(
        items,
        batch_size=None,
        shuffle=False,
        num_workers=workers,
        worker_init_fn=_prepare_worker,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="spawn" if workers else None,  # forking after CUDA started is not allowed
    )
    resource_tracker.ensure_running()  # it would unblock the signals when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        return iter(loader)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end(items: Iterator[T]) -> None:
    """End the processes that `ahead` began."""
    stop = getattr(items, "_shutdown_workers", None)
    if stop is not None:
        stop()


def _prepare_worker(_: int) -> None:
    """Leave Ctrl-C and kill, which reach a whole group of processes, to the trainer: it saves first.

    They have been blocked since before the process began; so they do nothing while it starts, either.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


class Feed:
    """Hands out one rendered batch after another; on CUDA each is rendered beside the step before it.

    Args:
        config: of the run.
        generator: renders; on the training device.
        first: step to begin at.
        place: of this process.
    """

    def __init__(
        self, config: TrainingConfig, generator: SceneGenerator, first: int, place: Place = ALONE
    ) -> None:
        self._generator = generator
        cuda = generator.device.type == "cuda"
        self._plans = ahead(PlannedSteps(config, first, place), config.workers, pin=cuda)
        self._stream = torch.cuda.Stream(generator.device) if cuda else None
        self._ahead: list[StereoBatch | None] = []

    def next(self) -> StereoBatch | None:
        """Return the scenes of the next step, None if it has none."""
        if self._stream is None:
            return self._render()
        batch = self._ahead.pop() if self._ahead else self._render_beside(self._stream)
        current = torch.cuda.current_stream(self._generator.device)
        current.wait_stream(self._stream)
        if batch is not None:
            for tensor in (batch.left, batch.right, batch.disparity, batch.valid, batch.camera):
                tensor.record_stream(current)
        return batch

    def prepare(self) -> None:
        """Start on the batch after the one handed out; call it when the step's own work is under way."""
        if self._stream is not None and not self._ahead:
            self._ahead.append(self._render_beside(self._stream))

    def close(self) -> None:
        """End the processes that plan."""
        end(self._plans)

    def _render_beside(self, stream: torch.cuda.Stream) -> StereoBatch | None:
        with torch.cuda.stream(stream):
            return self._render()

    def _render(self) -> StereoBatch | None:
        planned = next(self._plans)
        return None if planned is None else self._generator.render(planned, occlusion=False)


class PairGenerator(Protocol):
    """Seeds in, pairs with truth out: ray-cast or painted."""

    def generate(
        self, seed: int | Sequence[int], batch: int = ..., height: int = ..., width: int = ...
    ) -> StereoBatch:
        """Make pairs; the seeds count up from the first one."""


def validation_batches(config: TrainingConfig, generator: PairGenerator) -> Iterator[StereoBatch]:
    """Make the held-back pairs, in batches no larger than those of training."""
    for first in range(0, config.validation_pairs, config.batch):
        count = min(config.batch, config.validation_pairs - first)
        yield generator.generate(VALIDATION + first, count, config.height, config.width)
