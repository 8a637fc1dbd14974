# SPDX-License-Identifier: Apache-2.0
"""What a run for posed video starts from: nothing, weights of the same network, pairnet, or a lean
stereo network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.stereo import LeanConfig
from foundation_stereo_ros.nets.video import (
    LeanVideo,
    VideoConfig,
    VideoNetwork,
    build_video_network,
    video_preset,
)
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.weights.checkpoint import naming, read_checkpoint
from foundation_stereo_ros.weights.official import check_entries
from foundation_stereo_ros.weights.shipped import find_checkpoint

_ENTRANCE = "hourglass.enter.weight"  # O x I x D x H x W


@dataclass(frozen=True)
class VideoStart:
    """A network before its next step.

    Attributes:
        model: on the CPU.
        notes: what the weights were made from, for people; goes into every file exported from them.
    """

    model: VideoNetwork
    notes: Mapping[str, str]


def video_start(config: VideoTrainingConfig, about: Mapping[str, Any] | None = None) -> VideoStart:
    """Build the network that a run begins, or goes on, with.

    Args:
        config: of the run.
        about: what the run's state says of itself, where it goes on: the weights that it began with are no
            longer needed then.

    Raises:
        ConfigError: there is no such network.
        CheckpointError: the weights cannot be read or do not fit.
    """
    model = build_video_network(video_preset(config.preset, **config.network))
    notes = {"preset": config.preset}
    if about is not None:
        return VideoStart(model, about.get("notes", notes))  # version 0.2 wrote none
    if not config.start_from:
        return VideoStart(model, notes)
    file = Path(find_checkpoint(config.start_from))
    found = read_checkpoint(file)
    tensors = dict(found.tensors)
    if isinstance(found.config, LeanConfig):
        if not isinstance(model, LeanVideo):
            raise ConfigError(f"start_from is {file}, a lean stereo network; expected preset lean beside it")
        tensors = from_stereo(tensors)
    own = model.state_dict()
    if isinstance(found.config, VideoConfig) and not found.config.recurrent:
        tensors = from_pairnet(tensors, own)
    with naming(file):
        check_entries({name: tuple(tensor.shape) for name, tensor in own.items()}, tensors)
    model.load_state_dict(tensors)
    licence = {"licence": found.metadata["licence"]} if "licence" in found.metadata else {}
    return VideoStart(model, {**notes, **licence, "started_from": file.name})


def from_pairnet(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return pairnet's weights as those of fusionnet, whose cell and decoder begin anew, as published.

    Args:
        tensors: of pairnet.
        own: of the network to begin with; pairnet's are taken as they are.
    """
    if not any(name.startswith("lstm_fusion.") for name in own):
        return dict(tensors)
    anew = {name: value for name, value in own.items() if name.startswith(("lstm_fusion.", "decoder."))}
    kept = {name: value for name, value in tensors.items() if not name.startswith("decoder.")}
    return {**kept, **anew}


def from_stereo(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a lean stereo network's weights as those of one for posed video.

    Their parts are the same but for one more channel of the volume, which counts for nothing at first.
    """
    entrance = tensors[_ENTRANCE]
    last = torch.zeros_like(entrance[:, :1])
    return {**tensors, _ENTRANCE: torch.cat([entrance, last], dim=1)}
