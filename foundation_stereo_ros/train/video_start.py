# SPDX-License-Identifier: Apache-2.0
"""What a run for posed video starts from: nothing, weights of the same network, or a lean stereo network."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.stereo import LeanConfig
from foundation_stereo_ros.nets.video import LeanVideo, VideoNetwork, build_video_network, video_preset
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.weights.checkpoint import naming, read_checkpoint
from foundation_stereo_ros.weights.official import check_entries
from foundation_stereo_ros.weights.shipped import find_checkpoint

_ENTRANCE = "hourglass.enter.weight"  # O x I x D x H x W


def video_start(config: VideoTrainingConfig, resumed: bool = False) -> VideoNetwork:
    """Build the network that a run begins with.

    Args:
        config: of the run.
        resumed: the run goes on: its state has the weights, and those that it began with are not read.

    Raises:
        ConfigError: there is no such network.
        CheckpointError: the weights cannot be read or do not fit.
    """
    model = build_video_network(video_preset(config.preset, **config.network))
    if not config.start_from or resumed:
        return model
    file = find_checkpoint(config.start_from)
    found = read_checkpoint(Path(file))
    tensors = dict(found.tensors)
    if isinstance(found.config, LeanConfig):
        if not isinstance(model, LeanVideo):
            raise ConfigError(f"start_from is {file}, a lean stereo network; expected preset lean beside it")
        tensors = from_stereo(tensors)
    with naming(file):
        check_entries({name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}, tensors)
    model.load_state_dict(tensors)
    return model


def from_stereo(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a lean stereo network's weights as those of one for posed video.

    Their parts are the same but for one more channel of the volume, which counts for nothing at first.
    """
    entrance = tensors[_ENTRANCE]
    last = torch.zeros_like(entrance[:, :1])
    return {**tensors, _ENTRANCE: torch.cat([entrance, last], dim=1)}
