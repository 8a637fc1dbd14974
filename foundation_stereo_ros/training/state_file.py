# SPDX-License-Identifier: Apache-2.0
"""A training run on disk: tensors and a JSON header in one safetensors file, whole or not there; no
pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.network.tensor_file import write_tensors

FORMAT = "foundation_stereo_ros/training/1"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: steps done.
        seconds: time spent in them, over all parts of the run.
        loss_scale: of half-precision gradients.
    """

    step: int = 0
    seconds: float = 0.0
    loss_scale: float = 1.0


def save_state(
    path: Path,
    model: nn.Module,
    averaged: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    config: Mapping[str, Any],
) -> None:
    """Write everything a run needs to go on.

    Raises:
        CheckpointError: the file cannot be written.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors.update({f"average.{name}": value for name, value in averaged.state_dict().items()})
    for name, parameter in model.named_parameters():
        for moment, value in optimizer.state.get(parameter, {}).items():
            tensors[f"adam.{moment}.{name}"] = value
    header = {"format": FORMAT, "progress": json.dumps(asdict(progress)), "config": json.dumps(config)}
    write_tensors(path, tensors, header)


def load_state(
    path: Path, model: nn.Module, averaged: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> Progress:
    """Read what `save_state` wrote into an equal network and optimiser; returns how far the run was.

    Raises:
        CheckpointError: no such file, not a training state, or one of another network.
    """
    tensors, header = _read(path)
    try:
        model.load_state_dict(_part(tensors, "model."))
        averaged.load_state_dict(_part(tensors, "average."))
        for name, parameter in model.named_parameters():
            # AdamW keeps its step counter where the fused or unfused form wants it
            moments = {m: tensors[f"adam.{m}.{name}"] for m in _MOMENTS if f"adam.{m}.{name}" in tensors}
            if moments:
                fused = bool(optimizer.param_groups[0].get("fused"))
                optimizer.state[parameter] = {
                    m: value.to(device if m != "step" or fused else "cpu") for m, value in moments.items()
                }
        return Progress(**json.loads(header["progress"]))
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not fit this run: {str(error).splitlines()[0]}") from None


def stored_config(path: Path) -> dict[str, Any]:
    """Return the configuration of the run in a file.

    Raises:
        CheckpointError: no such file, or not a training state.
    """
    _, header = _read(path, tensors=False)
    config: dict[str, Any] = json.loads(header["config"])
    return config


def _read(path: Path, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not path.is_file():
        raise CheckpointError(f"no training state at {path}")
    try:
        with safe_open(path, framework="pt") as opened:
            header = dict(opened.metadata() or {})
            names = list(opened.keys()) if tensors else []
            values = {name: opened.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from None
    if header.get("format") != FORMAT:
        raise CheckpointError(f"{path} says format {header.get('format')!r} of itself; expected {FORMAT!r}")
    return values, header


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
