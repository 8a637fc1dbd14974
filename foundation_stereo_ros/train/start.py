# SPDX-License-Identifier: Apache-2.0
"""What a run starts from: nothing, a checkpoint, or itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.stereo import StereoConfig, StereoNetwork, build_network, network_preset
from foundation_stereo_ros.nets.stereo.kinds import FOUNDATION, config_of
from foundation_stereo_ros.train.config import FROM_NOTHING, TrainingConfig
from foundation_stereo_ros.weights import load_checkpoint
from foundation_stereo_ros.weights.checkpoint import read_checkpoint, stereo_config_of

NVIDIA_LICENCE = (
    "fine-tuned from NVIDIA's FoundationStereo weights, whose licence (non-commercial research) continues to "
    "apply"
)
_CALLERS_CHOICE = "iterations"


@dataclass(frozen=True)
class Start:
    """A network before its next step.

    Attributes:
        model: on the CPU.
        notes: what the weights were made from, for people; goes into every file exported from them.
    """

    model: StereoNetwork
    notes: Mapping[str, str]


def start(config: TrainingConfig, about: Mapping[str, Any] | None = None) -> Start:
    """Build the network that a run begins, or goes on, with.

    Args:
        config: of the run.
        about: what the run's state says of itself, where it goes on: the checkpoint that it began with is
            no longer needed then.

    Raises:
        ConfigError: there is no such network, it cannot be trained from nothing, or preset and checkpoint
            contradict each other.
        CheckpointError: the checkpoint cannot be read or does not fit.
    """
    if config.start_from and about:
        network = config_of(about.get("kind", FOUNDATION), {**about["network"], **config.network})
        return Start(build_network(network), about["notes"])
    if config.start_from:
        return _from_checkpoint(config, Path(config.start_from))
    preset = config.preset or FROM_NOTHING
    network = network_preset(preset, **config.network)
    if network.monocular is not None:
        raise ConfigError(
            f"preset {preset!r} has a monocular branch, which is never trained; expected a checkpoint with "
            "one to start from (start_from)"
        )
    return Start(build_network(network), {"preset": preset})


def _from_checkpoint(config: TrainingConfig, file: Path) -> Start:
    found = read_checkpoint(file)
    held = stereo_config_of(found)
    _check_preset(config.preset, held, file)
    model = load_checkpoint(file, **config.network).train()
    kept = ("preset", "licence", "trained_on")
    notes = {name: found.metadata[name] for name in kept if name in found.metadata}
    if held.monocular is not None:  # nobody but NVIDIA has published any, and none begins here
        notes["licence"] = NVIDIA_LICENCE
    return Start(model, {**notes, "started_from": file.name})


def _check_preset(preset: str, found: StereoConfig, file: Path) -> None:
    if not preset:
        return
    asked, held = network_preset(preset).to_dict(), found.to_dict()
    for name, value in asked.items():
        if value != held.get(name) and name != _CALLERS_CHOICE:
            raise ConfigError(
                f"preset is {preset!r}, whose {name} is {value!r}, but that of {file} is {held.get(name)!r}; "
                "expected no preset beside a checkpoint, or its own"
            )
