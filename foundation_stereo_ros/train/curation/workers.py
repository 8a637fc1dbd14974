# SPDX-License-Identifier: Apache-2.0
"""Scores from several processes, in the order of the seeds."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import torch

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.train.curation.keep_list import Recipe, Score
from foundation_stereo_ros.train.curation.scoring import Scorer

_AHEAD = 3  # seeds given out for each process, so that one slow scene keeps none of them waiting
_stop: Event | None = None  # of a worker process, as is the next
_parts: tuple[Any, ...] = ()


def scores(
    seeds: Iterable[int], checkpoint: Path, recipe: Recipe, device: str, workers: int
) -> Generator[Score, None, None]:
    """Score seeds, in their order; close the iterator to stop early.

    Args:
        seeds: as many as wanted, also without end.
        checkpoint, recipe, device: as `Scorer` has them.
        workers: processes, each with one thread and a network of its own; 0: this one.

    Raises:
        CheckpointError: the weights cannot be used.
        ConfigError: a process died.
    """
    if workers == 0:
        scorer = Scorer(checkpoint, recipe, device)
        yield from map(scorer.score, seeds)
        return
    context = multiprocessing.get_context("spawn")  # forking after CUDA started is not allowed
    stop = context.Event()
    parts = (stop, checkpoint, recipe, device)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=parts)
    waiting: deque[Future[Score | None]] = deque()
    ahead = iter(seeds)
    try:
        _submit(pool, waiting, islice(ahead, _AHEAD * workers))
        while waiting:
            score = waiting.popleft().result()
            if score is not None:
                yield score
            _submit(pool, waiting, islice(ahead, 1))
    except BrokenProcessPool:
        raise ConfigError(
            f"one of {workers} scoring processes died, most likely for lack of memory; expected fewer workers"
        ) from None
    finally:
        stop.set()  # for what the processes have been handed already
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, waiting: deque[Future[Score | None]], seeds: Iterator[int]) -> None:
    # Processes start here. They inherit what is blocked, so Ctrl-C reaches this process alone.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        waiting.extend(pool.submit(_score, seed) for seed in seeds)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(stop: Event, *parts: Any) -> None:
    global _stop, _parts
    _stop, _parts = stop, parts
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """Leave no process behind when the one that started it is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _score(seed: int) -> Score | None:
    if _stop is None or _stop.is_set():
        return None
    return _scorer(*_parts).score(seed)


@functools.cache
def _scorer(checkpoint: Path, recipe: Recipe, device: str) -> Scorer:
    # at the first scene, not while the process starts: errors find their way out from here alone
    return Scorer(checkpoint, recipe, device)
