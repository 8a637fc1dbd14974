# SPDX-License-Identifier: Apache-2.0
"""What a training step needs, made by other processes ahead of need."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from multiprocessing import resource_tracker
from typing import TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from foundation_stereo_ros.train.stop_request import SIGNALS, blocked

T = TypeVar("T")


class Endless(Dataset[T]):
    """A data set without an end."""

    def __len__(self) -> int:
        return 1 << 30


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
    with blocked(*SIGNALS):
        return iter(loader)


def end(items: Iterator[T]) -> None:
    """End the processes that `ahead` began."""
    stop = getattr(items, "_shutdown_workers", None)
    if stop is not None:
        stop()


def _prepare_worker(_: int) -> None:
    """Leave Ctrl-C and kill, which reach a whole group of processes, to the trainer: it saves first.

    They have been blocked since before the process began; so they do nothing while it starts, either.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
