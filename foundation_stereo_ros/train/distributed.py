# SPDX-License-Identifier: Apache-2.0
"""Several processes that train one network, as ``torchrun`` starts them: on several GPUs or machines.

Each has batches of its own; gradients are their mean. ``RANK``, ``WORLD_SIZE`` and ``LOCAL_RANK`` in the
environment tell a process its place.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn

from foundation_stereo_ros.errors import ConfigError

_PATIENCE = timedelta(hours=1)  # the first process validates and saves while the others wait


@dataclass(frozen=True)
class Place:
    """One process among those that train together; by itself, if not said otherwise.

    Attributes:
        rank: from 0; the first process also writes files.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def numbers(self, step: int, batch: int) -> range:
        """Return the numbers of this process's pairs in a step; all processes' together follow on.

        Args:
            step: from 0.
            batch: pairs of each process in a step.
        """
        begin = (step * self.world + self.rank) * batch
        return range(begin, begin + batch)


ALONE = Place()
"""The only process."""


class Group:
    """The processes of a run; this one alone, if not said otherwise.

    Args:
        place: of this process.
    """

    def __init__(self, place: Place = ALONE) -> None:
        self.place = place

    def highest(self, *values: float) -> tuple[float, ...]:
        """Return the highest of each value over all processes, which wait for one another here."""
        if self.place.world == 1:
            return values
        numbers = torch.tensor(values, dtype=torch.float64)  # on the CPU: the GPUs need not stop for it
        distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
        return tuple(numbers.tolist())

    def wrap(self, model: nn.Module, every_weight: bool = True) -> nn.Module:
        """Return the network with its gradients averaged over all processes.

        Batch norms' running statistics are the first process's, unless they are frozen or synced.

        Args:
            model: on its device.
            every_weight: each one gets gradients in every step.
        """
        if self.place.world == 1:
            return model
        # of weights with sides of 1, whose strides are of no consequence
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        device = next(model.parameters()).device
        return nn.parallel.DistributedDataParallel(
            model,
            device_ids=[device] if device.type == "cuda" else None,
            find_unused_parameters=not every_weight,
        )


def sync_norms(model: nn.Module, device: torch.device) -> None:
    """Let batch norms use the statistics of all processes' batches.

    Raises:
        ConfigError: they cannot on this device.
    """
    if device.type != "cuda":
        raise ConfigError(f"training norms is 'synced' on {device.type}; expected batch or frozen there")
    nn.SyncBatchNorm.convert_sync_batchnorm(model)


def find_place(environment: Mapping[str, str] = os.environ) -> Place:
    """Return where ``torchrun`` has put this process.

    Raises:
        ConfigError: the variables are no such numbers.
    """
    names = ("RANK", "WORLD_SIZE")
    if not all(name in environment for name in (*names, "MASTER_ADDR")):
        return ALONE
    rank, world = (_number(environment, name) for name in names)
    if rank >= world:
        raise ConfigError(f"RANK is {rank} and WORLD_SIZE {world}; expected a rank below the world's size")
    return Place(rank, world)


def find_device(wanted: str, place: Place, environment: Mapping[str, str] = os.environ) -> torch.device:
    """Return the device to train on.

    Args:
        wanted: ``auto``, ``cuda`` (each process its own), ``cpu``, or with one process ``cuda:1`` and so on.
        place: of this process.
        environment: holds ``LOCAL_RANK``.

    Raises:
        ConfigError: there is no such device.
    """
    kind = wanted
    if wanted == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if place.world == 1 or kind == "cpu":
        return _device(kind)
    if kind != "cuda":
        raise ConfigError(f"device is {wanted!r} with {place.world} processes; expected cpu, cuda or auto")
    local, count = _number(environment, "LOCAL_RANK"), torch.cuda.device_count()
    if local >= count:
        raise ConfigError(
            f"process {local} of this machine finds {count} CUDA devices; expected one for each"
        )
    return torch.device("cuda", local)


@contextmanager
def joined(place: Place, device: torch.device) -> Iterator[Group]:
    """Meet the other processes, and part from them in the end."""
    if place.world == 1:
        yield Group(place)
        return
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.set_device(device)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=_PATIENCE)
    try:
        yield Group(place)
    finally:
        distributed.destroy_process_group()


def _device(name: str) -> torch.device:
    try:
        return torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device is {name!r}; expected auto, cpu, cuda, cuda:1 ...") from None


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    if not text.isdecimal():
        raise ConfigError(f"{name} is {text!r} in the environment; expected a number from 0 on")
    return int(text)
