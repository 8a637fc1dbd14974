# SPDX-License-Identifier: Apache-2.0
"""The files of a run: the state to go on from, and the weights to use. Each is whole or not there.

A state is one safetensors file of tensors and a JSON header; no pickle.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from foundation_stereo_ros.errors import CheckpointError, FileFormatError
from foundation_stereo_ros.io.documents import parse_json
from foundation_stereo_ros.weights import save_checkpoint
from foundation_stereo_ros.weights.checkpoint import read_tensors, write_tensors

FORMAT = "foundation_stereo_ros/training/1"
Network = TypeVar("Network", bound=nn.Module)
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
_OTHERS = ("format", "progress")

STATE_NAME = "state.safetensors"
WEIGHTS_NAME = "weights.safetensors"
BEST_NAME = "best.safetensors"
LOG_NAME = "log.jsonl"


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: steps done.
        seconds: time spent in them, over all parts of the run.
        loss_scale: of half-precision gradients.
        best: lowest value of the figure that decides on the best weights.
    """

    step: int = 0
    seconds: float = 0.0
    loss_scale: float = 1.0
    best: float = math.inf


@dataclass(frozen=True)
class RunState(Generic[Network]):
    """The parts of a run whose tensors are kept.

    Attributes:
        model, averaged: equal networks; what they share is kept once.
        optimizer: of the first one.
    """

    model: Network
    averaged: Network
    optimizer: torch.optim.Optimizer


def save_state(path: Path, state: RunState[Any], progress: Progress, about: Mapping[str, Any]) -> None:
    """Write everything a run needs to go on.

    Args:
        path: of the file.
        state: what is kept.
        progress: how far the run is.
        about: plain values under names of their own, ``config`` among them, for `read_about`.

    Raises:
        CheckpointError: the file cannot be written.
    """
    tensors = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    tensors.update({f"average.{name}": value for name, value in _own(state).items()})
    for name, parameter in state.model.named_parameters():
        for moment, value in state.optimizer.state.get(parameter, {}).items():
            tensors[f"adam.{moment}.{name}"] = value
    header = {name: json.dumps(value) for name, value in about.items()}
    write_tensors(path, tensors, {**header, "format": FORMAT, "progress": json.dumps(asdict(progress))})


def load_state(path: Path, state: RunState[Any], device: torch.device) -> Progress:
    """Read what `save_state` wrote into equal networks and optimiser; returns how far the run was.

    Raises:
        CheckpointError: no such file, not a training state, or one of another network.
    """
    tensors, header = _read(path)
    try:
        state.model.load_state_dict(_part(tensors, "model."))
        own = _own(state)
        shared = {name: value for name, value in state.averaged.state_dict().items() if name not in own}
        averaged = _part(tensors, "average.") or {name: tensors[f"model.{name}"] for name in own}  # compact
        state.averaged.load_state_dict({**shared, **averaged})
        for name, parameter in state.model.named_parameters():
            # AdamW keeps its step counter where the fused or unfused form wants it
            moments = {m: tensors[f"adam.{m}.{name}"] for m in _MOMENTS if f"adam.{m}.{name}" in tensors}
            if moments:
                fused = bool(state.optimizer.param_groups[0].get("fused"))
                state.optimizer.state[parameter] = {
                    # laid out like the weights, which the fused form insists on
                    m: value.to(device if fused else "cpu")
                    if m == "step"
                    else torch.empty_like(parameter, requires_grad=False).copy_(value)
                    for m, value in moments.items()
                }
        return _progress(path, header)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not fit this run: {str(error).splitlines()[0]}") from None


def compact_state(path: Path, target: Path) -> Progress:
    """Write of a state what another machine needs to go on: averaged weights, settings and progress.

    The optimiser then begins anew. The file is a quarter as large, and a state like any other. Where to
    validate is left out: those folders are this machine's.

    Raises:
        CheckpointError: no such file, not a training state, or the target cannot be written.
    """
    tensors, header = _read(path)
    weights = {**_part(tensors, "model."), **_part(tensors, "average.")}
    progress = _progress(path, header)
    config = _value(path, header, "config")
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} has no settings of a run in its header")
    local = {"validate_on": None, "keep_best": ""}
    header["config"] = json.dumps({**config, **{name: local[name] for name in local if name in config}})
    write_tensors(target, {f"model.{name}": value for name, value in weights.items()}, header)
    return progress


def read_about(path: Path) -> dict[str, Any]:
    """Return what `save_state` was told about the run.

    Raises:
        CheckpointError: no such file, or not a training state.
    """
    _, header = _read(path, tensors=False)
    return {name: _value(path, header, name) for name in header if name not in _OTHERS}


def _value(path: Path, header: Mapping[str, str], name: str) -> Any:
    try:
        return parse_json(header.get(name, ""), f"{name} in its header")
    except FileFormatError as error:
        raise CheckpointError(f"{path} cannot be used: {error}") from None


def _progress(path: Path, header: Mapping[str, str]) -> Progress:
    values = _value(path, header, "progress")
    try:
        progress = Progress(**values)
    except TypeError:
        progress = None
    if progress is None or not all(type(value) in (int, float) for value in asdict(progress).values()):
        raise CheckpointError(f"{path} does not say how far its run was")
    return progress


def _own(state: RunState[Any]) -> dict[str, Tensor]:
    """Return the average's tensors but for those that are the model's as well."""
    models = state.model.state_dict(keep_vars=True)
    averages = state.averaged.state_dict(keep_vars=True)
    return {name: value for name, value in averages.items() if value is not models[name]}


def _read(path: Path, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not path.exists():
        raise CheckpointError(f"no training state at {path}")
    values, header = read_tensors(path, tensors=tensors)
    if header.get("format") != FORMAT:
        raise CheckpointError(f"{path} says format {header.get('format')!r} of itself; expected {FORMAT!r}")
    return values, header


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


class KeptSettings(Protocol):
    """What a run's files say of its settings."""

    @property
    def keep_best(self) -> str:
        """Figure that decides on the best weights."""

    def to_dict(self) -> dict[str, Any]:
        """Return all of them as plain values."""


class RunFiles:
    """Writes them, each whole or not at all.

    Args:
        folder: of the run.
        config: of the run.
        kind: of the network, as weights files name it.
        notes: what its weights are made from.
        data: what it is trained on, in words.
    """

    def __init__(
        self, folder: Path, config: KeptSettings, kind: str, notes: Mapping[str, str], data: str
    ) -> None:
        self._folder, self._config, self._kind = folder, config, kind
        before = [notes["trained_on"]] if "trained_on" in notes else []
        self._notes, self._trained_on = dict(notes), ", then ".join([*before, data])

    def save(self, state: RunState[Any], progress: Progress) -> None:
        """Write the state to go on from, and the averaged weights as a checkpoint for everybody.

        Raises:
            CheckpointError: a file cannot be written.
        """
        about = {
            "config": self._config.to_dict(),
            "kind": self._kind,
            "network": state.model.config.to_dict(),
            "notes": self._notes,
        }
        save_state(self._folder / STATE_NAME, state, progress, about)
        self._export(WEIGHTS_NAME, state.averaged, progress, {})

    def save_best(self, averaged: Any, progress: Progress) -> None:
        """Write the weights that were best so far.

        Raises:
            CheckpointError: the file cannot be written.
        """
        self._export(BEST_NAME, averaged, progress, {self._config.keep_best: f"{progress.best:.6g}"})

    def _export(self, name: str, averaged: Any, progress: Progress, more: Mapping[str, str]) -> None:
        steps = str(progress.step)
        notes = {**self._notes, **more, "steps": steps, "trained_on": self._trained_on}
        save_checkpoint(self._folder / name, averaged, notes)
