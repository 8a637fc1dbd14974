# SPDX-License-Identifier: Apache-2.0
"""A training run for posed video, on clips."""

from __future__ import annotations

from pathlib import Path

import torch

from foundation_stereo_ros.nets.video import VideoNetwork
from foundation_stereo_ros.nets.video.kinds import video_kind_of
from foundation_stereo_ros.train.distributed import Group
from foundation_stereo_ros.train.feed.clips import ClipFeed, Clips
from foundation_stereo_ros.train.loop import Loop, Parts
from foundation_stereo_ros.train.optimisation import Precision
from foundation_stereo_ros.train.run_files import STATE_NAME, RunFiles, read_about
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_descent import VideoDescent
from foundation_stereo_ros.train.video_loss import VideoLoss
from foundation_stereo_ros.train.video_start import video_start
from foundation_stereo_ros.train.video_validation import VideoSubject


class VideoTrainer(Loop[Clips, VideoLoss]):
    """Trains a network on clips, or goes on with a run.

    Args:
        config: the run.
        folder: for its state, weights and logs.
        device: where to train.
        resume: go on from the state in the folder.
        group: the processes that train together; the first one writes the files.

    Attributes:
        notes: what the weights are made from, as the exported file says it.

    Raises:
        ConfigError: the network cannot be built or trained so.
        CheckpointError: the checkpoint or the state cannot be read, or does not fit.
    """

    model: VideoNetwork
    averaged: VideoNetwork

    def __init__(
        self,
        config: VideoTrainingConfig,
        folder: Path,
        device: torch.device | str,
        resume: bool = False,
        group: Group | None = None,
    ) -> None:
        self.config, device, group = config, torch.device(device), group or Group()
        precision = Precision(config.precision, device)
        precision.check_height(config.height)
        torch.manual_seed(config.seed)
        about = read_about(folder / STATE_NAME) if resume else None
        began = video_start(config, about)
        model, self.notes = began.model.to(device), dict(began.notes)
        place, cuda = group.place, device.type == "cuda"
        parts = Parts(
            model,
            VideoDescent(config, model, precision, group),
            lambda first: ClipFeed(config, first, place, cuda),
            VideoSubject(config, device),
            RunFiles(folder, config, video_kind_of(model.config), self.notes, config.data()),
        )
        super().__init__(config, folder, device, precision, group, resume, parts)
